/* value.c - a value as it is to be shown: also one that is away in a file. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

int bc_value_facts(const brain_view *view, struct bc_facts *facts_out)
{
    struct bc_facts facts = { view->kind, view->size_bytes, false };
    if (view->kind == BRAIN_KIND_AWAY) {
        int err = brain_spilled_size(view, &facts.size_bytes, &facts.kind);
        if (err != 0) return err;
        facts.is_away = true;
    }
    *facts_out = facts;
    return 0;
}

int bc_fail_disk(const struct bc_context *context, int code, const char *about)
{
    const char *detail = brain_disk_error_detail();
    bc_say(context, "%s%s%s", about != NULL ? about : "", about != NULL ? ": " : "",
           detail[0] != '\0' ? detail : brain_strerror(code));
    return bc_exit_of(code);
}

uint64_t bc_taken_bytes(const brain_stat *stat)
{
    return stat->live_bytes + stat->limbo_bytes + stat->private_bytes;
}

bool bc_is_own_space(const void *name, size_t len)
{
    return len > 0 && *(const uint8_t *)name == 0xff;
}

int bc_say_no_space(const struct bc_context *context)
{
    char *shown = bc_text_name(context->space, strlen(context->space), 0);
    bc_say(context, "there is no namespace %s in %s", shown, context->path);
    free(shown);
    return BC_NO;
}

int bc_say_unsealed(const struct bc_context *context)
{
    bc_say(context, "it is being written, and not sealed yet");
    return BC_NO;
}

int bc_say_no_name(const struct bc_context *context, const void *name, size_t name_len)
{
    char *shown = bc_text_name(name, name_len, 200);
    char *space = bc_text_name(context->space, strlen(context->space), 0);
    bc_say(context, "there is no name '%s' in namespace %s of %s", shown, space, context->path);
    free(shown);
    free(space);
    return BC_NO;
}

int bc_fail_name(const struct bc_context *context, int code, const void *name, size_t name_len)
{
    if (code != BRAIN_E_EXISTS && code != BRAIN_E_STALE && code != BRAIN_E_NOT_FOUND) {
        return bc_fail(context, code, NULL);
    }
    char *shown = bc_text_name(name, name_len, 200);
    if (code == BRAIN_E_EXISTS) {
        bc_say(context, "there is a name '%s' already: nothing was changed", shown);
    } else {
        bc_say(context, "'%s' has another version by now, or is gone: nothing was changed", shown);
    }
    free(shown);
    return BC_NO;
}

int bc_value_get(struct bc_context *context, brain_space *space, const void *name, size_t name_len,
                 struct bc_value *value_out)
{
    struct bc_value value = { .data = NULL };
    int err = brain_get(space, name, name_len, &value.view);
    if (err == BRAIN_E_NOT_FOUND) return bc_say_no_name(context, name, name_len);
    if (err != 0) return bc_fail(context, err, NULL);
    value.kind = value.view.kind;
    value.data = value.view.data;
    value.size_bytes = value.view.size_bytes;
    if (value.kind == BRAIN_KIND_AWAY) {
        err = brain_recall(&value.view, &value.recalled);
        if (err != 0) {
            brain_view_drop(&value.view);
            return bc_fail_disk(context, err, NULL);
        }
        value.kind = value.recalled.kind;
        value.data = value.recalled.data;
        value.size_bytes = value.recalled.size_bytes;
    }
    *value_out = value;
    return 0;
}

void bc_value_drop(struct bc_value *value)
{
    if (value->recalled.data != NULL) brain_recalled_drop(&value->recalled);
    brain_view_drop(&value->view);
}
