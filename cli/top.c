/* top.c - brain top: what goes on, again and again; or, with --once and in a pipe, one report over an interval.
 *
 * What it costs others is bounded, however large the store is: numbers and counts are a few loads; of the objects a
 * number is looked at each time, and the next time it goes on where it was, so that the largest of a large store
 * are known after some time; who holds what is asked for less often where there are very many views.
 */
#include <curses.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "holders.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "value.h"

#define LARGEST      10u
#define LIVE_OBJECTS 100000u  /* looked at in one refresh: some 20 ms */
#define ONCE_OBJECTS 2000000u /* for one report */
#define AT_ONCE      256u
#define MANY_PINS    100000u /* then holders are looked at in every tenth refresh alone */
#define PROCESSES    8u
#define LIMBO_SHOWN  5u

/* ---- numbers */

struct sample {
    int64_t ns; /* by the monotonic clock */
    brain_stat stat;
    uint64_t counts[BRAIN_N_COUNTS];
};

struct large {
    uint32_t object, gen;
    uint64_t size_bytes, version;
    char *name, *space;
    size_t name_len, space_len;
};

/* What is known so far. */
struct top {
    struct bc_context *context;
    struct sample before, now;
    struct large largest[LARGEST]; /* of this walk, the largest first */
    size_t n_largest;
    struct large found[LARGEST]; /* of the walk before, if that was through */
    size_t n_found;
    uint32_t cursor;
    uint64_t n_looked, n_damaged;
    bool is_whole; /* `found` is of all */
    struct bc_holders holders;
    bool has_holders;
    uint64_t n_refreshes;
};

static int take_sample(struct top *top)
{
    top->before = top->now;
    top->now = (struct sample){ .ns = bc_now_ns(), .stat.struct_size = sizeof top->now.stat };
    int err = brain_stat_get(top->context->store, &top->now.stat);
    return err != 0 ? err : brain_counts(top->context->store, top->now.counts);
}

static double seconds_of(const struct top *top)
{
    double seconds = (double)(top->now.ns - top->before.ns) / (double)BC_SECOND_NS;
    return seconds > 0 ? seconds : 1;
}

/* How much a count has risen, a second. */
static double rate_of(const struct top *top, enum brain_count which)
{
    uint64_t now = top->now.counts[which], before = top->before.counts[which];
    return now > before ? (double)(now - before) / seconds_of(top) : 0;
}

static double growth_of(const struct top *top)
{
    return ((double)top->now.stat.live_bytes - (double)top->before.stat.live_bytes) /
           seconds_of(top);
}

/* Share of gets that found something, in the interval; -1: there were none. */
static double hit_rate_of(const struct top *top)
{
    double hits = rate_of(top, BRAIN_COUNT_HITS), misses = rate_of(top, BRAIN_COUNT_MISSES);
    return hits + misses > 0 ? hits / (hits + misses) : -1;
}

static uint64_t free_bytes(const brain_stat *stat)
{
    uint64_t taken = bc_taken_bytes(stat);
    return taken < stat->capacity_bytes ? stat->capacity_bytes - taken : 0;
}

/* ---- the largest objects */

static void forget(struct large *list, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        free(list[i].name);
        free(list[i].space);
    }
    *n = 0;
}

static void consider(struct top *top, const brain_object_info *info)
{
    size_t i = top->n_largest;
    if (bc_is_own_space(info->space, info->space_len)) return;
    if (i == LARGEST && info->size_bytes <= top->largest[i - 1].size_bytes) return;
    if (i == LARGEST) {
        i--;
        free(top->largest[i].name);
        free(top->largest[i].space);
    } else {
        top->n_largest++;
    }
    for (; i > 0 && top->largest[i - 1].size_bytes < info->size_bytes; i--) {
        top->largest[i] = top->largest[i - 1];
    }
    struct large *is = &top->largest[i];
    is->object = info->object;
    is->gen = info->gen;
    is->size_bytes = info->size_bytes;
    is->version = info->version;
    is->name_len = bc_holders_name_len(info);
    is->space_len = info->space_len;
    is->name = bc_copy(info->name, is->name_len);
    is->space = bc_copy(info->space, is->space_len);
}

/* Go on with the walk, over at most so many. */
static int walk(struct top *top, uint64_t n_max)
{
    brain_object_info *infos = bc_alloc(AT_ONCE * sizeof *infos);
    uint32_t begun_at = top->cursor;
    uint64_t n_seen = 0;
    size_t n;
    int err = 0;
    infos[0].struct_size = sizeof infos[0];
    /* Slots without an object cost as well: the number of a slot says how far it has come. */
    while (err == 0 && (top->cursor == UINT32_MAX || /* it is through, and is to say so */
                        (n_seen < n_max && top->cursor - begun_at < 4 * n_max))) {
        err =
            brain_objects(top->context->store, BRAIN_OBJECT_LIVE, &top->cursor, infos, AT_ONCE, &n);
        for (size_t i = 0; (err == 0 || err == BRAIN_E_CORRUPT) && i < n; i++, n_seen++) {
            consider(top, &infos[i]);
        }
        top->n_damaged += err == BRAIN_E_CORRUPT;
        err = err == BRAIN_E_CORRUPT ? 0 : err;
    }
    free(infos);
    top->n_looked += n_seen;
    if (err != BRAIN_E_NOT_FOUND) return err;
    forget(top->found, &top->n_found);
    memcpy(top->found, top->largest, sizeof top->found);
    top->n_found = top->n_largest;
    top->n_largest = 0;
    top->cursor = 0;
    top->is_whole = true;
    return 0;
}

/* The list that is shown: that of the last walk that was through, or as far as the first has come. */
static const struct large *shown_list(const struct top *top, size_t *n_out)
{
    *n_out = top->is_whole ? top->n_found : top->n_largest;
    return top->is_whole ? top->found : top->largest;
}

static int look(struct top *top, uint64_t n_objects)
{
    int err = take_sample(top);
    if (err == 0) err = walk(top, n_objects);
    if (err == 0 && (top->now.stat.n_pins < MANY_PINS || top->n_refreshes % 10 == 0)) {
        if (top->has_holders) bc_holders_free(&top->holders);
        err = bc_holders_look(top->context->store, false, &top->holders);
        top->has_holders = err == 0;
    }
    top->n_refreshes++;
    return err;
}

/* ---- the report, as lines */

struct lines {
    struct line {
        char *text;
        bool is_head;
    } *all;
    size_t n;
};

__attribute__((format(printf, 3, 4))) static void add(struct lines *lines, bool is_head,
                                                      const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int len = vasprintf(&text, format, arguments);
    va_end(arguments);
    lines->all = bc_realloc(lines->all, (lines->n + 1) * sizeof *lines->all);
    lines->all[lines->n++] = (struct line){ len >= 0 ? text : bc_strdup(""), is_head };
}

static void free_lines(struct lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        free(lines->all[i].text);
    }
    free(lines->all);
    *lines = (struct lines){ .n = 0 };
}

static const char *rate_text(double rate, char buf[32])
{
    snprintf(buf, 32, rate > 0 && rate < 10 ? "%.1f" : "%.0f", rate);
    return buf;
}

static void add_numbers(const struct top *top, struct lines *lines)
{
    const brain_stat *stat = &top->now.stat;
    char a[32], b[32], c[32], d[32], e[32], bar[21];
    double share =
        stat->capacity_bytes > 0 ? (double)stat->live_bytes / (double)stat->capacity_bytes : 0;
    for (int i = 0; i < 20; i++) {
        bar[i] = (double)i < share * 20 ? '#' : '.';
    }
    bar[20] = '\0';
    char *path = bc_text_name(top->context->path, strlen(top->context->path), 0);
    add(lines, true, "brain top  %s", path);
    free(path);
    add(lines, false, "used %s of %s [%s] %.0f%%  free %s",
        bc_text_size(stat->live_bytes, a, sizeof a),
        bc_text_size(stat->capacity_bytes, b, sizeof b), bar, 100 * share,
        bc_text_size(free_bytes(stat), e, sizeof e));
    add(lines, false, "limbo %s  being written %s  memory %s  recoveries %" PRIu64,
        bc_text_size(stat->limbo_bytes, c, sizeof c),
        bc_text_size(stat->private_bytes, d, sizeof d),
        bc_text_size(stat->physical_bytes, a, sizeof a), stat->n_recoveries);
    double growth = growth_of(top);
    add(lines, false,
        "growth %s%s/s  names %" PRIu64 "  clients %" PRIu32 "  views %" PRIu64
        "  snapshots %" PRIu64,
        growth < 0 ? "-" : "+",
        bc_text_size((uint64_t)(growth < 0 ? -growth : growth), a, sizeof a), stat->n_objects,
        stat->n_clients > 0 ? stat->n_clients - 1 : 0, stat->n_pins, stat->n_snapshots);
    double hits = rate_of(top, BRAIN_COUNT_HITS), misses = rate_of(top, BRAIN_COUNT_MISSES);
    double hit_rate = hit_rate_of(top);
    char found[32] = "-";
    if (hit_rate >= 0) snprintf(found, sizeof found, "%.1f%%", 100 * hit_rate);
    add(lines, false, "gets %s/s (found %s)  puts %s/s (%s/s)  deletes %s/s  refused %s/s",
        rate_text(hits + misses, a), found, rate_text(rate_of(top, BRAIN_COUNT_PUTS), b),
        bc_text_size((uint64_t)rate_of(top, BRAIN_COUNT_PUT_BYTES), c, sizeof c),
        rate_text(rate_of(top, BRAIN_COUNT_DELETES), d),
        rate_text(rate_of(top, BRAIN_COUNT_FULL), e));
    add(lines, false, "lock waits %s/s, %.1f ms/s",
        rate_text(rate_of(top, BRAIN_COUNT_LOCK_WAITS), a),
        rate_of(top, BRAIN_COUNT_LOCK_WAIT_NS) / 1e6);
}

static void add_largest(const struct top *top, struct lines *lines)
{
    size_t n;
    const struct large *list = shown_list(top, &n);
    char size[32];
    add(lines, false, "%s", "");
    if (top->is_whole) {
        add(lines, true, "%10s  %-16s %s", "SIZE", "NAMESPACE", "LARGEST VALUES");
    } else {
        add(lines, true, "%10s  %-16s LARGEST VALUES (of the first %" PRIu64 ")", "SIZE",
            "NAMESPACE", top->n_looked);
    }
    for (size_t i = 0; i < n; i++) {
        char *name = bc_text_name(list[i].name, list[i].name_len, 60);
        char *space = bc_text_name(list[i].space, list[i].space_len, 16);
        size_t width = bc_text_width(space);
        add(lines, false, "%10s  %s%*s %s", bc_text_size(list[i].size_bytes, size, sizeof size),
            space, width < 16 ? (int)(16 - width) : 0, "", name);
        free(name);
        free(space);
    }
    if (top->n_damaged > 0) {
        add(lines, true, "%" PRIu64 " records are damaged: brain doctor", top->n_damaged);
    }
}

static char *who(const struct bc_holder *holder, size_t columns)
{
    if (holder->is_nameless) return bc_strdup("(forked children)");
    char *command = bc_text_name(holder->process.command, strlen(holder->process.command), columns);
    const char *mark = bc_holders_mark(holder);
    char *text = holder->process.pid != 0
                     ? bc_format("%7d  %s%s", (int)holder->process.pid, command, mark)
                     : bc_format("%7s  %s%s", "?", command, mark);
    free(command);
    return text;
}

static void add_holders(const struct top *top, struct lines *lines)
{
    const struct bc_holders *all = &top->holders;
    char size[32], drafts[32];
    if (!top->has_holders || all->n_holders == 0) return;
    add(lines, false, "%s", "");
    add(lines, true, "%10s  %8s  %9s  %7s  PROCESS", "KEEPS", "VIEWS", "SNAPSHOTS", "PID");
    for (size_t i = 0; i < all->n_holders && i < PROCESSES; i++) {
        const struct bc_holder *holder = &all->holders[i];
        char *text = who(holder, 60);
        add(lines, false, "%10s  %8" PRIu64 "  %9zu  %s",
            bc_text_size(holder->alone_bytes, size, sizeof size), holder->n_views,
            holder->n_snapshots, text);
        free(text);
    }
    size_t n = 0;
    for (size_t i = 0; i < all->n_holds && n < LIMBO_SHOWN; i++) {
        const struct bc_object *object = &all->objects[all->holds[i].object];
        if (object->state != BRAIN_OBJECT_LIMBO) continue;
        if (n++ == 0) {
            add(lines, false, "%s", "");
            add(lines, true, "%10s  REPLACED, AND KEPT FOR", "SIZE");
        }
        char *text = who(&all->holders[all->holds[i].holder], 40);
        char *name = bc_text_name(object->name, object->shown_len, 40);
        add(lines, false, "%10s  %s, for %s",
            bc_text_size(object->size_bytes, drafts, sizeof drafts), name,
            text + strspn(text, " "));
        free(text);
        free(name);
    }
}

static void report(const struct top *top, struct lines *lines)
{
    add_numbers(top, lines);
    add_largest(top, lines);
    add_holders(top, lines);
}

/* ---- JSON */

static json_t *largest_json(const struct top *top)
{
    size_t n;
    const struct large *list = shown_list(top, &n);
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_object();
        bc_json_name(item, "name", list[i].name, list[i].name_len);
        bc_json_name(item, "namespace", list[i].space, list[i].space_len);
        bc_json_number(item, "version", list[i].version);
        bc_json_number(item, "size", list[i].size_bytes);
        json_array_append_new(all, item);
    }
    return all;
}

static json_t *processes_json(const struct bc_holders *holders)
{
    json_t *all = json_array();
    for (size_t i = 0; i < holders->n_holders; i++) {
        const struct bc_holder *holder = &holders->holders[i];
        json_t *item = json_object();
        bc_json_known(item, "pid", (uint64_t)bc_holders_pid(holder));
        bc_json_text(item, "command", holder->is_nameless ? "" : holder->process.command);
        bc_json_number(item, "views", holder->n_views);
        bc_json_number(item, "snapshots", holder->n_snapshots);
        bc_json_number(item, "alone", holder->alone_bytes);
        json_array_append_new(all, item);
    }
    return all;
}

/* What was replaced, and for whom it is kept: as many as a terminal shows. */
static json_t *kept_json(const struct bc_holders *holders)
{
    json_t *all = json_array();
    for (size_t i = 0; i < holders->n_holds && json_array_size(all) < LIMBO_SHOWN; i++) {
        const struct bc_object *object = &holders->objects[holders->holds[i].object];
        if (object->state != BRAIN_OBJECT_LIMBO) continue;
        json_t *item = json_object();
        bc_json_name(item, "name", object->name, object->shown_len);
        bc_json_name(item, "namespace", object->space, object->space_len);
        bc_json_number(item, "size", object->size_bytes);
        bc_json_known(item, "pid",
                      (uint64_t)bc_holders_pid(&holders->holders[holders->holds[i].holder]));
        json_array_append_new(all, item);
    }
    return all;
}

static void add_rates_json(const struct top *top, json_t *json)
{
    double hits = rate_of(top, BRAIN_COUNT_HITS), misses = rate_of(top, BRAIN_COUNT_MISSES);
    bc_json_real(json, "growth_per_second", growth_of(top));
    bc_json_real(json, "gets_per_second", hits + misses);
    if (hit_rate_of(top) >= 0) {
        bc_json_real(json, "hit_rate", hit_rate_of(top));
    } else {
        json_object_set_new(json, "hit_rate", json_null());
    }
    bc_json_real(json, "puts_per_second", rate_of(top, BRAIN_COUNT_PUTS));
    bc_json_real(json, "put_bytes_per_second", rate_of(top, BRAIN_COUNT_PUT_BYTES));
    bc_json_real(json, "deletes_per_second", rate_of(top, BRAIN_COUNT_DELETES));
    bc_json_real(json, "refused_per_second", rate_of(top, BRAIN_COUNT_FULL));
    bc_json_real(json, "lock_waits_per_second", rate_of(top, BRAIN_COUNT_LOCK_WAITS));
    bc_json_real(json, "lock_wait_seconds_per_second",
                 rate_of(top, BRAIN_COUNT_LOCK_WAIT_NS) / (double)BC_SECOND_NS);
}

static void print_json(const struct top *top)
{
    const brain_stat *stat = &top->now.stat;
    json_t *json = json_object();
    bc_json_text(json, "path", top->context->path);
    bc_json_real(json, "seconds", seconds_of(top));
    bc_json_number(json, "capacity", stat->capacity_bytes);
    bc_json_number(json, "used", stat->live_bytes);
    bc_json_number(json, "limbo", stat->limbo_bytes);
    bc_json_number(json, "unsealed", stat->private_bytes);
    bc_json_number(json, "free", free_bytes(stat));
    bc_json_number(json, "memory", stat->physical_bytes);
    bc_json_number(json, "names", stat->n_objects);
    bc_json_number(json, "pins", stat->n_pins);
    add_rates_json(top, json);
    bc_json_bool(json, "largest_is_of_all", top->is_whole);
    json_object_set_new(json, "largest", largest_json(top));
    json_object_set_new(json, "processes", processes_json(&top->holders));
    json_object_set_new(json, "kept", kept_json(&top->holders));
    bc_json_print(json);
}

/* ---- once, and live */

static int run_once(struct top *top, double seconds)
{
    struct lines lines = { .n = 0 };
    int err = take_sample(top);
    if (err != 0) return err;
    bc_pause((int64_t)(seconds * (double)BC_SECOND_NS)); /* a Ctrl-C ends it */
    if (bc_interrupted()) return BRAIN_E_INTR;
    err = look(top, ONCE_OBJECTS);
    if (err != 0) return err;
    if (top->context->json) {
        print_json(top);
        return 0;
    }
    report(top, &lines);
    for (size_t i = 0; i < lines.n; i++) {
        printf("%s%s%s\n", lines.all[i].is_head ? bc_style(top->context, BC_BOLD) : "",
               lines.all[i].text, lines.all[i].is_head ? bc_style(top->context, BC_PLAIN) : "");
    }
    free_lines(&lines);
    return 0;
}

/* No more columns of a line than there are: it is UTF-8, and printable. */
static void draw_line(int row, const struct line *line)
{
    char *cut = NULL;
    const char *text = line->text;
    if (bc_text_width(text) > (size_t)COLS) {
        /* bc_text_name() would escape backslashes once more. */
        size_t n = strlen(text);
        cut = bc_strdup(text);
        while (n > 0 && (bc_text_width(cut) >= (size_t)COLS || !bc_text_is_utf8(cut, n))) {
            cut[--n] = '\0';
        }
        text = cut;
    }
    if (line->is_head) attron(A_BOLD);
    mvaddstr(row, 0, text);
    if (line->is_head) attroff(A_BOLD);
    free(cut);
}

static void draw(const struct top *top)
{
    struct lines lines = { .n = 0 };
    report(top, &lines);
    erase();
    for (size_t i = 0; i < lines.n && (int)i < LINES - 1; i++) {
        draw_line((int)i, &lines.all[i]);
    }
    mvaddstr(LINES - 1, 0, "q: end");
    refresh();
    free_lines(&lines);
}

/* Until q or a Ctrl-C. */
static int run_live(struct top *top, double seconds)
{
    int err = take_sample(top);
    SCREEN *screen = err == 0 ? newterm(NULL, stdout, stdin) : NULL;
    if (screen == NULL) {
        if (err == 0)
            bc_say(top->context, "the terminal (TERM) cannot be drawn on: --once does without");
        return err != 0 ? err : BRAIN_E_IO;
    }
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    timeout((int)(seconds * 1000));
    bool ends = false;
    double first = seconds < 0.5 ? seconds : 0.5; /* so that there is something to see soon */
    bc_pause((int64_t)(first * (double)BC_SECOND_NS));
    while (err == 0 && !ends && !bc_interrupted()) {
        err = look(top, LIVE_OBJECTS);
        if (err != 0) break;
        draw(top);
        int key = getch(); /* waits as timeout() says; ERR: nothing was pressed, or a signal came */
        ends = key == 'q' || key == 'Q' || key == 27;
    }
    endwin();
    delscreen(screen);
    return err;
}

int bc_top(struct bc_context *context)
{
    struct top top = { .context = context };
    double seconds = 2;
    int status = bc_option_seconds(context, "delay", &seconds);
    if (status == 0 && (seconds < 0.05 || seconds > 86400)) {
        status = bc_usage(context, "--delay takes 0.05 to 86400 seconds");
    }
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status != 0) return status;
    bool once = bc_option(context, "once") != NULL || context->json || !context->is_terminal ||
                !isatty(STDIN_FILENO);
    bc_hold_interrupts(true);
    int err = once ? run_once(&top, seconds) : run_live(&top, seconds);
    status = bc_interrupted() ? BC_INTERRUPTED : err != 0 ? bc_fail(context, err, NULL) : 0;
    if (status == 0 && top.n_damaged > 0) status = BC_DAMAGED;
    forget(top.largest, &top.n_largest);
    forget(top.found, &top.n_found);
    if (top.has_holders) bc_holders_free(&top.holders);
    return status;
}
