/* cmd_metrics.c - brain metrics: the store's figures as OpenMetrics text, which Prometheus reads; or as JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "text.h"

/* As the text format has it between quotes. What is no UTF-8 is escaped, since the text has to be. */
static void print_escaped(const char *text)
{
    char *valid =
        bc_text_is_utf8(text, strlen(text)) ? bc_strdup(text) : bc_text_name(text, strlen(text), 0);
    for (const char *at = valid; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"') putchar('\\');
        if (*at == '\n') {
            fputs("\\n", stdout);
        } else {
            putchar(*at);
        }
    }
    free(valid);
}

static void print_number(double number)
{
    if (number == trunc(number) && fabs(number) < 9e18) {
        printf("%" PRId64 "\n", (int64_t)number);
    } else {
        printf("%.17g\n", number);
    }
}

static void print_text(const char *path, const brain_metric *metrics, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const brain_metric *metric = &metrics[i];
        printf("# TYPE %s %s\n", metric->name, metric->is_counter ? "counter" : "gauge");
        if (metric->unit[0] != '\0') printf("# UNIT %s %s\n", metric->name, metric->unit);
        printf("# HELP %s ", metric->name);
        print_escaped(metric->help);
        printf("\n%s%s{store=\"", metric->name, metric->is_counter ? "_total" : "");
        print_escaped(path);
        fputs("\"} ", stdout);
        print_number(metric->value);
    }
    puts("# EOF");
}

static void print_json(const char *path, const brain_metric *metrics, size_t n)
{
    json_t *object = json_object();
    bc_json_text(object, "store", path);
    for (size_t i = 0; i < n; i++) {
        if (metrics[i].value == trunc(metrics[i].value) && fabs(metrics[i].value) < 9e18) {
            bc_json_signed(object, metrics[i].name, (int64_t)metrics[i].value);
        } else {
            bc_json_real(object, metrics[i].name, metrics[i].value);
        }
    }
    bc_json_print(object);
}

static int serve(struct bc_context *context)
{
    int status = bc_become(context, "serve-metrics", context->arguments);
    if (status != BC_NO) return status;
    bc_say(context,
           "brain-serve-metrics is not installed: it comes with the Python package, brain-plasma "
           "1.0");
    return BC_SYSTEM;
}

int bc_metrics(struct bc_context *context)
{
    size_t n = 0, room = 0;
    brain_metric *metrics = NULL;
    if (bc_option(context, "serve") != NULL) return serve(context);
    if (context->n_arguments > 0) return bc_usage(context, "a PORT is for --serve");
    int status = bc_open(context, BC_LOOK);
    if (status != 0) return status;
    int err;
    while ((err = brain_metrics(context->store, metrics, room, &n)) == 0 && n > room) {
        room = n;
        metrics = bc_realloc(metrics, room * sizeof *metrics);
    }
    if (err == 0 && context->json) {
        print_json(brain_path(context->store), metrics, n);
    } else if (err == 0) {
        print_text(brain_path(context->store), metrics, n);
    }
    free(metrics);
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}
