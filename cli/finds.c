/* finds.c - what brain doctor has found: a list, printed with what was done about each. */
#include "finds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "table.h"
#include "text.h"

struct bc_find *bc_find_add(struct bc_finds *finds, enum bc_severity severity, const char *id,
                            char *what, char *evidence, char *advice)
{
    finds->all = bc_realloc(finds->all, (finds->n + 1) * sizeof *finds->all);
    struct bc_find *find = &finds->all[finds->n++];
    *find = (struct bc_find){
        .severity = severity, .id = id, .what = what, .evidence = evidence, .advice = advice
    };
    return find;
}

void bc_finds_free(struct bc_finds *finds)
{
    for (size_t i = 0; i < finds->n; i++) {
        free(finds->all[i].what);
        free(finds->all[i].evidence);
        free(finds->all[i].advice);
        free(finds->all[i].question);
    }
    free(finds->all);
}

/* ---- printing */

const char *bc_find_severity(enum bc_severity severity)
{
    return severity == BC_PROBLEM ? "problem" : severity == BC_WARNING ? "warning" : "note";
}

static void print_one(const struct bc_context *context, const struct bc_find *find)
{
    char *what = bc_text_name(find->what, strlen(find->what), 0);
    char *evidence = bc_text_name(find->evidence, strlen(find->evidence), 0);
    char *advice = bc_text_name(find->advice, strlen(find->advice), 0);
    if (context->is_terminal) {
        printf("%s%s%s: %s%s\n    seen: %s\n    do: %s\n",
               bc_style(context, find->severity == BC_PROBLEM   ? BC_RED
                                 : find->severity == BC_WARNING ? BC_YELLOW
                                                                : BC_DIM),
               bc_find_severity(find->severity), bc_style(context, BC_PLAIN), what,
               find->is_fixed ? " (fixed)" : "", evidence, advice);
    } else {
        printf("%s\t%s\t%s\t%s\t%s\t%s\n", bc_find_severity(find->severity), find->id,
               find->is_fixed ? "fixed" : "-", what, evidence, advice);
    }
    free(what);
    free(evidence);
    free(advice);
}

static void print_json(const struct bc_finds *finds)
{
    struct bc_json_array array;
    bc_json_begin(&array);
    for (size_t i = 0; i < finds->n; i++) {
        const struct bc_find *find = &finds->all[i];
        json_t *json = json_object();
        bc_json_text(json, "severity", bc_find_severity(find->severity));
        bc_json_text(json, "id", find->id);
        bc_json_text(json, "what", find->what);
        bc_json_text(json, "evidence", find->evidence);
        bc_json_text(json, "advice", find->advice);
        bc_json_bool(json, "can_fix", find->fix != NULL);
        bc_json_bool(json, "fixed", find->is_fixed);
        bc_json_item(&array, json);
    }
    bc_json_end(&array);
}

void bc_finds_print(const struct bc_context *context, const struct bc_finds *finds)
{
    if (context->json) {
        print_json(finds);
        return;
    }
    for (size_t i = 0; i < finds->n; i++) {
        print_one(context, &finds->all[i]);
    }
}
