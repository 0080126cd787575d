/* cmd_put.c - brain put: a value from a file, from a pipe, or from the command line.
 *
 * What has a length that is known is streamed: a step is read, and appended to an object of the store's. What comes
 * from a pipe has none, and an object of the store's has to: it is gathered in memory, in steps that go as they are
 * appended, unless --size says how long it is. Either way the name changes in one step, when all has come.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "value.h"

#define STEP ((size_t)1 << 20)

struct put {
    struct bc_context *context;
    brain_space *space;
    const char *name;
    size_t name_len;
    brain_value value; /* without its parts */
    uint64_t if_version;
    uint64_t version, size_bytes; /* of what was put */
    /* Of text that comes in steps: what a character has that the last one has cut. */
    uint8_t carry[4];
    size_t n_carry;
    struct bc_progress progress;
};

static int fail(const struct put *put, int err)
{
    return bc_fail_name(put->context, err, put->name, put->name_len);
}

/* ---- text has to be UTF-8, as who reads a str believes */

static int say_no_text(const struct put *put)
{
    bc_say(put->context, "this is no UTF-8, and a str is: leave --kind out to put bytes");
    return BC_NO;
}

/* Whether bytes go on as UTF-8; what the last character lacks may come with the next. */
static bool check_text(struct put *put, const uint8_t *data, size_t len)
{
    if (put->value.kind != BRAIN_KIND_STR) return true;
    while (put->n_carry > 0 && len > 0 && (*data & 0xc0) == 0x80 && put->n_carry < 4) {
        put->carry[put->n_carry++] = *data++;
        len--;
        if (bc_text_is_utf8(put->carry, put->n_carry)) put->n_carry = 0;
    }
    if (len == 0) return true;
    if (put->n_carry > 0) return false;
    size_t whole = len;
    while (whole > 0 && len - whole < 4 && (data[whole - 1] & 0xc0) == 0x80) {
        whole--;
    }
    if (whole > 0 && data[whole - 1] >= 0xc0) whole--;
    if (bc_text_is_utf8(data + whole, len - whole)) whole = len;
    if (len - whole > 3) return false;
    put->n_carry = len - whole;
    memcpy(put->carry, data + whole, put->n_carry);
    return bc_text_is_utf8(data, whole);
}

/* ---- where it comes from */

/* As much as there is, up to `n`. Returns how much, or -1: it has been said why, in `*status_out`. */
static ssize_t read_step(const struct put *put, int fd, uint8_t *buf, size_t n, int *status_out)
{
    size_t got = 0;
    while (got < n) {
        ssize_t step = bc_interrupted() ? -1 : read(fd, buf + got, n - got);
        if (bc_interrupted()) {
            *status_out = BC_INTERRUPTED;
            return -1;
        }
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) {
            bc_say(put->context, "cannot read: %s", strerror(errno));
            *status_out = BC_SYSTEM;
            return -1;
        }
        if (step == 0) break;
        got += (size_t)step;
    }
    return (ssize_t)got;
}

static int seal(struct put *put, brain_object *object)
{
    if (put->n_carry > 0) return say_no_text(put);
    if (put->size_bytes == 0 && bc_option(put->context, "not-empty") != NULL) {
        bc_say(put->context, "nothing has come, and --not-empty is given: nothing was put");
        return BC_NO;
    }
    int err = brain_object_seal(object, put->space, put->name, put->name_len, &put->value,
                                put->if_version, &put->version);
    return err == 0 ? 0 : fail(put, err);
}

/* From a descriptor that has so many bytes. */
static int put_known(struct put *put, int fd, uint64_t size_bytes)
{
    brain_object *object;
    int status = 0, err = brain_create_streamed(put->context->store, size_bytes, &object);
    if (err != 0) return fail(put, err);
    put->size_bytes = size_bytes;
    uint8_t *buf = bc_alloc(STEP);
    for (uint64_t done = 0; status == 0 && done < size_bytes;) {
        size_t wanted = size_bytes - done < STEP ? (size_t)(size_bytes - done) : STEP;
        ssize_t got = read_step(put, fd, buf, wanted, &status);
        if (got < 0) break;
        if ((size_t)got < wanted) {
            bc_say(put->context,
                   "it ended after %" PRIu64 " bytes, and was to have %" PRIu64 ": nothing was put",
                   done + (uint64_t)got, size_bytes);
            status = BC_SYSTEM;
        } else if (!check_text(put, buf, (size_t)got)) {
            status = say_no_text(put);
        } else if ((err = brain_object_append(object, buf, (size_t)got)) != 0) {
            status = fail(put, err);
        }
        done += (uint64_t)got;
        bc_progress_step(&put->progress, done, size_bytes);
    }
    free(buf);
    if (status == 0) status = seal(put, object);
    brain_object_release(object);
    return status;
}

struct steps {
    uint8_t **data;
    size_t n, room;
    uint64_t size_bytes;
};

/* Gather all that comes. */
static int read_steps(struct put *put, int fd, struct steps *steps)
{
    uint64_t capacity, live;
    int status = 0, err = brain_usage(put->context->store, &capacity, &live);
    if (err != 0) return fail(put, err);
    for (ssize_t got = (ssize_t)STEP; got == (ssize_t)STEP;) {
        if (steps->n == steps->room) {
            steps->room = steps->room > 0 ? 2 * steps->room : 16;
            steps->data = bc_realloc(steps->data, steps->room * sizeof *steps->data);
        }
        uint8_t *buf = steps->data[steps->n++] = bc_alloc(STEP);
        got = read_step(put, fd, buf, STEP, &status);
        if (got < 0) return status;
        if (!check_text(put, buf, (size_t)got)) return say_no_text(put);
        steps->size_bytes += (uint64_t)got;
        if (steps->size_bytes > capacity) {
            bc_say(put->context,
                   "more than %" PRIu64
                   " bytes have come, and that is all that the store may hold: "
                   "brain resize lets it hold more",
                   capacity);
            return BC_FULL;
        }
        bc_progress_step(&put->progress, steps->size_bytes, 0);
    }
    return 0;
}

static int put_steps(struct put *put, struct steps *steps)
{
    brain_object *object;
    int err = brain_create_streamed(put->context->store, steps->size_bytes, &object);
    if (err != 0) return fail(put, err);
    uint64_t left = put->size_bytes = steps->size_bytes;
    for (size_t i = 0; err == 0 && left > 0; i++) {
        size_t n = left < STEP ? (size_t)left : STEP;
        err = brain_object_append(object, steps->data[i], n);
        left -= n;
        free(steps->data[i]); /* so that it is never there twice */
        steps->data[i] = NULL;
    }
    int status = err == 0 ? seal(put, object) : fail(put, err);
    brain_object_release(object);
    return status;
}

static int put_unknown(struct put *put, int fd)
{
    struct steps steps = { .n = 0 };
    int status = read_steps(put, fd, &steps);
    if (status == 0) status = put_steps(put, &steps);
    for (size_t i = 0; i < steps.n; i++) {
        free(steps.data[i]);
    }
    free(steps.data);
    return status;
}

static int put_from(struct put *put, int fd)
{
    struct stat st;
    uint64_t size_bytes = 0;
    int status = bc_option_size(put->context, "size", &size_bytes);
    if (status != 0) return status;
    bc_hold_interrupts(true);
    bc_progress_begin(&put->progress, "putting");
    if (bc_option(put->context, "size") != NULL) {
        status = put_known(put, fd, size_bytes);
    } else if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        if (at < 0 || at > st.st_size) at = 0;
        status = put_known(put, fd, (uint64_t)(st.st_size - at));
    } else {
        status = put_unknown(put, fd); /* also what says it is empty, as files of /proc do */
    }
    bc_progress_end(&put->progress);
    bc_hold_interrupts(false);
    return status;
}

/* ---- from the command line */

static int put_given(struct put *put, uint32_t kind, const void *data, size_t len)
{
    brain_part part = { .data = data, .size_bytes = len };
    put->value.kind = kind;
    put->value.parts = &part;
    put->value.n_parts = 1;
    put->size_bytes = len;
    int err = brain_put(put->space, put->name, put->name_len, &put->value, put->if_version,
                        &put->version);
    return err == 0 ? 0 : fail(put, err);
}

static int put_int(struct put *put, const char *text)
{
    char *end;
    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) {
        return bc_usage(put->context, "--int takes a whole number of at most 64 bits, not '%s'",
                        text);
    }
    return put_given(put, BRAIN_KIND_INT, &number, sizeof number);
}

static int put_float(struct put *put, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end != '\0') {
        return bc_usage(put->context, "--float takes a number, not '%s'", text);
    }
    return put_given(put, BRAIN_KIND_FLOAT, &number, sizeof number);
}

static int put_text(struct put *put, const char *text)
{
    if (!bc_text_is_utf8(text, strlen(text))) return say_no_text(put);
    return put_given(put, BRAIN_KIND_STR, text, strlen(text));
}

static int put_file(struct put *put, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        bc_say(put->context, "cannot read %s: %s", path, strerror(error));
        if (error == ENOENT && strchr(path, '/') == NULL) {
            bc_say(put->context,
                   "a value on the command line is given with --text, --int or --float");
        }
        return error == EACCES ? BC_DENIED : BC_SYSTEM;
    }
    int status = put_from(put, fd);
    close(fd);
    return status;
}

/* ---- the command */

static int read_kind(struct put *put)
{
    const char *kind = bc_option(put->context, "kind");
    put->value.kind = BRAIN_KIND_BYTES;
    if (kind == NULL || strcmp(kind, "bytes") == 0) return 0;
    if (strcmp(kind, "str") == 0) {
        put->value.kind = BRAIN_KIND_STR;
    } else if (strcmp(kind, "raw") == 0) {
        put->value.kind = BRAIN_KIND_RAW;
    } else {
        return bc_usage(put->context, "--kind takes bytes, str or raw, not '%s'", kind);
    }
    return 0;
}

static int read_put(struct put *put)
{
    struct bc_context *context = put->context;
    static const char *const givens[] = { "text", "int", "float" };
    int n = context->n_arguments > 1;
    for (size_t i = 0; i < 3; i++) {
        n += bc_option(context, givens[i]) != NULL;
    }
    if (n > 1) return bc_usage(context, "of FILE, --text, --int and --float there can be one");
    put->if_version = BRAIN_ANY_VERSION;
    int status = bc_option_number(context, "if-version", &put->if_version);
    if (status != 0) return status;
    if (bc_option(context, "new") != NULL) put->if_version = 0;
    put->value.description = bc_option(context, "description");
    if (put->value.description != NULL) {
        put->value.description_len = strlen(put->value.description);
        if (put->value.description_len > BRAIN_DESCRIPTION_MAX) {
            return bc_usage(context, "a description has at most %u bytes", BRAIN_DESCRIPTION_MAX);
        }
    }
    status = read_kind(put);
    if (status != 0) return status;
    return bc_name(context, context->arguments[0], &put->name, &put->name_len);
}

static int put_it(struct put *put)
{
    struct bc_context *context = put->context;
    const char *text = bc_option(context, "text"), *number = bc_option(context, "int"),
               *real = bc_option(context, "float");
    const char *path = context->n_arguments > 1 ? context->arguments[1] : "-";
    if (text != NULL) return put_text(put, text);
    if (number != NULL) return put_int(put, number);
    if (real != NULL) return put_float(put, real);
    if (strcmp(path, "-") != 0) return put_file(put, path);
    if (isatty(STDIN_FILENO)) bc_say(context, "reading from the terminal, up to a Ctrl-D");
    return put_from(put, STDIN_FILENO);
}

int bc_put(struct bc_context *context)
{
    struct put put = { .context = context };
    int status = read_put(&put);
    if (status == 0) status = bc_open(context, BC_CHANGE);
    if (status == 0) status = bc_open_space(context, &put.space);
    if (status != 0) return status;
    status = put_it(&put);
    if (status == 0 && context->json) {
        bc_json_print_put(context->space, put.name, put.name_len, put.version, put.size_bytes);
    }
    brain_space_close(put.space);
    return status;
}
