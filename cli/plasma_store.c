/* plasma_store.c - the command that makes a store and keeps it until it is told to end.
 *
 *     plasma_store -m 50000000 -s /tmp/plasma
 *
 * The command line is that of the server of pyarrow.plasma. There is nothing to serve here: every
 * process maps the store. What is left to do is to make it, to give back what dead processes held,
 * and to remove it at the end.
 *
 * One of them a store. Which, says a note in the store: namespace ff "plasma-store", name "server",
 * no data, metadata u32 row, u32 pid, u64 seat, little-endian: the client that keeps it. The note
 * is put only if it is as it was when its client was seen to be dead, so of two that start at once
 * one wins; who is killed leaves a note that counts for nothing.
 *
 * Signals: SIGTERM, SIGINT and SIGHUP are blocked from the start and waited for, so none is lost
 * and no code runs at a bad moment. A SIGHUP that was ignored from the start, as by nohup, stays
 * so. A SIGINT does not: a shell without job control ignores it for what it starts in the
 * background, and Ctrl-C would end the script and leave its store.
 *
 * Exit status: 0 after a signal; 1 where it could not begin, or could not remove the store, or
 * somebody else removed it.
 */
#include <brain.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "hugepages.h"
#include "plasma/external.h"
#include "plasma/remove.h"

#define CAPACITY_MIN    4096u
#define CAPACITY_MAX    ((uint64_t)1 << 42)
#define PERIOD_NS       500000000 /* between two looks for the dead */
#define SWEEP_EVERY     16u       /* turns: others reap, too, and do not sweep */
#define LOCK_TIMEOUT_NS 250000000 /* short: a wait for a writer must not delay the end */
#define PATIENCE        40        /* so often a writer is waited for at the start: 10 s */

#define SPACE           "\xffplasma-store"
#define NAME            "server"
#define NOTE_BYTES      16

#define REFUSED         1 /* beside the library's codes: it has been said why */

/* What the command line asks for. */
struct wish {
    uint64_t capacity_bytes; /* 0: not given */
    const char *path;        /* NULL: not given */
    const char *directory;   /* NULL: not given */
    const char *external;    /* NULL: not given */
    char external_path[PATH_MAX];
    bool huge_pages;
    bool keep;
};

struct keeper {
    struct wish wish;
    sigset_t signals; /* that end it */
    brain_store *store;
    brain_space *space;    /* of the note */
    uint64_t version;      /* of our note */
    bool made;             /* the store, by us */
    struct stat directory; /* of the store */
    struct pl_external external;
};

/* A client, as a note names it. */
struct holder {
    uint32_t row, pid;
    uint64_t seat;
    uint64_t version; /* of the note */
};

/* ---- words */

static const char USAGE[] =
    "usage: plasma_store -m BYTES -s PATH [-d DIRECTORY] [-h] [-e DIRECTORY] [-k]\n"
    "\n"
    "Makes a store in shared memory, keeps it tidy, and removes it on SIGTERM or Ctrl-C.\n"
    "\n"
    "  -m BYTES       its capacity: what values may take, 4096 to 4398046511104\n"
    "  -s PATH        where processes open it: Brain(PATH), brain_plasma.plasma.connect(PATH)\n"
    "  -d DIRECTORY   where its memory is: a directory on a tmpfs (else /dev/shm, or beside PATH\n"
    "                 where that is on a tmpfs)\n"
    "  -h             with huge pages; needs -d, on a tmpfs that is mounted with huge=always,\n"
    "                 within_size or advise\n"
    "  -e DIRECTORY   an external store: Plasma objects that are evicted go to files there (in a\n"
    "                 folder of the store's), and come back when they are got\n"
    "  -k, --keep     leave the store there at the end\n"
    "  --help, --version\n"
    "\n"
    "A store that is there already is taken over, and grown to -m where that is more, unless\n"
    "another plasma_store keeps it.\n";

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("plasma_store: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void say_error(int code)
{
    const char *detail = brain_error_detail();
    if (code != REFUSED) say("%s", detail[0] != '\0' ? detail : brain_strerror(code));
}

/* ---- the command line */

static bool parse_capacity(const char *text, uint64_t *bytes_out)
{
    size_t n_digits = strspn(text, "0123456789");
    errno = 0;
    unsigned long long bytes = strtoull(text, NULL, 10);
    if (n_digits == 0 || text[n_digits] != '\0') {
        say("-m takes a number of bytes, in digits alone, not '%s'", text);
        return false;
    }
    if (errno != 0 || bytes < CAPACITY_MIN || bytes > CAPACITY_MAX) {
        say("-m takes %u to %llu bytes, not %s", CAPACITY_MIN, (unsigned long long)CAPACITY_MAX,
            text);
        return false;
    }
    *bytes_out = bytes;
    return true;
}

/* What can only be judged when all is there. */
static bool is_sound(const struct wish *wish)
{
    char text[2 * PATH_MAX];
    const char *missing = NULL;
    if (wish->capacity_bytes == 0 && wish->path == NULL) {
        missing = "-m BYTES, the capacity, and -s PATH, where the store shall be, are missing";
    } else if (wish->capacity_bytes == 0) {
        missing = "-m BYTES, the capacity of the store, is missing";
    } else if (wish->path == NULL) {
        missing = "-s PATH, where the store shall be, is missing";
    }
    if (missing != NULL) {
        say("%s: plasma_store -m 50000000 -s /tmp/plasma", missing);
        return false;
    }
    if (wish->huge_pages && wish->directory == NULL) {
        say("-h, huge pages, needs -d DIRECTORY, on a tmpfs that is mounted with huge=always "
            "(--help is for help)");
        return false;
    }
    if (wish->huge_pages && hugepages_problem(wish->directory, text, sizeof text) != NULL) {
        say("-h: %s", text);
        return false;
    }
    return true;
}

/* Where the external store is, as an absolute path. */
static bool find_external(struct wish *wish)
{
    struct stat st;
    const char *given = wish->external;
    if (given == NULL) return true;
    if (strncmp(given, "file://", 7) == 0) given += 7;
    if (strstr(given, "://") != NULL) {
        say("-e takes a directory, also as file:///DIRECTORY, not %s", given);
    } else if (realpath(given, wish->external_path) == NULL) {
        say("-e %s: %s: make the directory first", given, strerror(errno));
    } else if (stat(wish->external_path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        say("-e %s is no directory", given);
    } else if (strlen(wish->external_path) > PL_EXTERNAL_PATH_MAX) {
        say("-e: the path of the directory has more than %u bytes", PL_EXTERNAL_PATH_MAX);
    } else {
        return true;
    }
    return false;
}

/* As with the original, -m 5, -m=5, --m 5 and --m=5 are all the same. */
enum {
    OPTION_HELP = 256,
    OPTION_VERSION
};
static const struct option OPTIONS[] = {
    { "m", required_argument, NULL, 'm' },
    { "s", required_argument, NULL, 's' },
    { "d", required_argument, NULL, 'd' },
    { "e", required_argument, NULL, 'e' },
    { "h", no_argument, NULL, 'h' },
    { "k", no_argument, NULL, 'k' },
    { "keep", no_argument, NULL, 'k' },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

/* Take one option. Does not come back from --help and --version. */
static bool take_option(int option, const char *word, struct wish *wish)
{
    switch (option) {
    case 'm':
        return parse_capacity(optarg, &wish->capacity_bytes);
    case 's':
        wish->path = optarg;
        return true;
    case 'd':
        wish->directory = optarg;
        return true;
    case 'h':
        wish->huge_pages = true;
        return true;
    case 'k':
        wish->keep = true;
        return true;
    case 'e':
        wish->external = optarg;
        return true;
    case OPTION_HELP:
        fputs(USAGE, stdout);
        exit(0);
    case OPTION_VERSION:
        puts("plasma_store " BRAIN_VERSION_STRING);
        exit(0);
    case ':':
        say("%s needs a value behind it; --help shows what there is", word);
        return false;
    default:
        say("does not know %s; --help shows what there is", word);
        return false;
    }
}

static bool parse(int argc, char **argv, struct wish *wish_out)
{
    int option;
    opterr = 0;
    while ((option = getopt_long_only(argc, argv, ":m:s:d:e:hk", OPTIONS, NULL)) != -1) {
        if (!take_option(option, argv[optind - 1], wish_out)) return false;
    }
    if (optind < argc) {
        say("does not know what to do with '%s'; --help shows what there is", argv[optind]);
        return false;
    }
    return is_sound(wish_out) && find_external(wish_out);
}

/* ---- signals */

static bool is_ignored(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void hold_signals(sigset_t *signals_out)
{
    sigemptyset(signals_out);
    sigaddset(signals_out, SIGTERM);
    sigaddset(signals_out, SIGINT);
    if (!is_ignored(SIGHUP)) sigaddset(signals_out, SIGHUP);
    sigprocmask(SIG_BLOCK, signals_out, NULL);
    signal(SIGINT, SIG_DFL);  /* an ignored one cannot be waited for everywhere */
    signal(SIGPIPE, SIG_IGN); /* whoever reads what we say may go before us */
}

/* Wait for one of them, up to `timeout_ns`. */
static bool is_told_to_end(const sigset_t *signals, long timeout_ns)
{
    struct timespec timeout = { .tv_nsec = timeout_ns };
    return sigtimedwait(signals, NULL, &timeout) > 0;
}

/* ---- the note: who keeps the store */

static void write_number(uint8_t *bytes, size_t n, uint64_t number)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t read_number(const uint8_t *bytes, size_t n)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

/* Who the note says keeps the store, alive or not. NOT_FOUND also where it makes no sense; its
 * version is there then. */
static int read_note(struct keeper *keeper, struct holder *holder_out)
{
    brain_view view;
    *holder_out = (struct holder){ 0 };
    int err = brain_get(keeper->space, NAME, strlen(NAME), &view);
    if (err != 0) return err;
    holder_out->version = view.version;
    if (view.meta_len == NOTE_BYTES) {
        const uint8_t *note = view.meta;
        holder_out->row = (uint32_t)read_number(note, 4);
        holder_out->pid = (uint32_t)read_number(note + 4, 4);
        holder_out->seat = read_number(note + 8, 8);
    } else {
        err = BRAIN_E_NOT_FOUND;
    }
    brain_view_drop(&view);
    return err;
}

/* Note that this process keeps the store, if the note still has `version` (0: is not there). */
static int write_note(struct keeper *keeper, uint64_t version)
{
    brain_client self;
    uint8_t note[NOTE_BYTES];
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = note, .meta_len = sizeof note };
    int err = brain_self(keeper->store, &self);
    if (err != 0) return err;
    write_number(note, 4, self.row);
    write_number(note + 4, 4, (uint32_t)self.pid);
    write_number(note + 8, 8, self.seat);
    return brain_put(keeper->space, NAME, strlen(NAME), &value, version, &keeper->version);
}

/* Become the one that keeps the store; REFUSED where another one does. */
static int claim(struct keeper *keeper)
{
    struct holder holder;
    int err, patience = PATIENCE;
    do {
        err = read_note(keeper, &holder);
        if (err == 0 && brain_client_lives(keeper->store, holder.row, holder.seat)) {
            say("another plasma_store keeps %s already, process %u", keeper->wish.path, holder.pid);
            return REFUSED;
        }
        if (err == 0 || err == BRAIN_E_NOT_FOUND) err = write_note(keeper, holder.version);
        if (err == BRAIN_E_TIMEOUT && patience-- > 0 && !is_told_to_end(&keeper->signals, 0)) {
            err = BRAIN_E_STALE;
        }
    } while (err == BRAIN_E_STALE || err == BRAIN_E_EXISTS);
    return err;
}

/* ---- beginning */

/* Make the store, or open the one that is there. */
static int open_store(struct keeper *keeper)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = keeper->wish.capacity_bytes;
    options.directory = keeper->wish.directory;
    options.lock_timeout_ns = LOCK_TIMEOUT_NS;
    int err;
    do { /* again where it came or went in between */
        options.flags = BRAIN_OPEN_EXCLUSIVE;
        err = brain_open(keeper->wish.path, &options, &keeper->store);
        keeper->made = err == 0;
        if (err != BRAIN_E_EXISTS) return err;
        options.flags = BRAIN_OPEN_EXISTING;
        err = brain_open(keeper->wish.path, &options, &keeper->store);
    } while (err == BRAIN_E_NOT_FOUND);
    return err;
}

static void close_store(struct keeper *keeper)
{
    brain_space_close(keeper->space);
    brain_close(keeper->store);
    keeper->space = NULL;
    keeper->store = NULL;
}

/* A store with our note in it. */
static int open_and_claim(struct keeper *keeper)
{
    int err;
    do {
        close_store(keeper);
        err = open_store(keeper);
        if (err == 0) {
            err = brain_space_open(keeper->store, SPACE, strlen(SPACE), &keeper->space);
        }
        if (err == 0) err = claim(keeper);
    } while (err == BRAIN_E_DESTROYED); /* by who kept it until now: make our own */
    return err;
}

/* Whether a store that was there is not where -d says, and so has no huge pages because of -h. */
static bool is_elsewhere(const struct keeper *keeper)
{
    char wanted[PATH_MAX];
    const char *directory = brain_directory(keeper->store);
    size_t n = (size_t)(strrchr(directory, '/') - directory);
    return keeper->wish.directory != NULL &&
           (realpath(keeper->wish.directory, wanted) == NULL || strlen(wanted) != n ||
            memcmp(wanted, directory, n) != 0);
}

static const char *at_the_end(const struct keeper *keeper)
{
    return keeper->wish.keep ? "" : ", and will remove it at the end (-k keeps it)";
}

/* Let a store that was there hold what -m says. */
static int grow(struct keeper *keeper)
{
    uint64_t capacity, live, wanted = keeper->wish.capacity_bytes;
    int err = brain_usage(keeper->store, &capacity, &live);
    if (err != 0) return err;
    if (wanted < capacity) {
        say("took over a store that was there; it keeps its %llu bytes, which is more than -m "
            "says%s",
            (unsigned long long)capacity, at_the_end(keeper));
        return 0;
    }
    int patience = PATIENCE;
    do {
        err = wanted > capacity ? brain_resize(keeper->store, wanted) : 0;
    } while (err == BRAIN_E_TIMEOUT && patience-- > 0 && !is_told_to_end(&keeper->signals, 0));
    if (err == 0) {
        say("took over a store that was there, of %llu bytes%s%s", (unsigned long long)capacity,
            wanted > capacity ? ", and grew it" : "", at_the_end(keeper));
    }
    return err;
}

/* Memory is taken as values need it, so that the file system has less is no error yet. */
static void warn_of_room(const brain_store *store, uint64_t capacity)
{
    struct statvfs files;
    if (statvfs(brain_directory(store), &files) != 0) return;
    uint64_t size_bytes = (uint64_t)files.f_blocks * files.f_frsize;
    if (size_bytes < capacity) {
        say("the file system of %s has %llu bytes in all: values beyond that will not fit",
            brain_directory(store), (unsigned long long)size_bytes);
    }
}

/* The external store: the one that is wished for, or that a store which was taken over has. */
static int begin_external(struct keeper *keeper)
{
    struct pl_store objects;
    int err = pl_store_open(keeper->store, &objects);
    if (err != 0) return err;
    err = keeper->wish.external != NULL
              ? pl_external_give(&objects, keeper->wish.external_path, &keeper->external)
              : pl_external_find(&objects, &keeper->external);
    pl_store_close(&objects);
    if (err == BRAIN_E_EXISTS) {
        say("-e %s: the store has its external store elsewhere: what was evicted is in %s",
            keeper->wish.external, keeper->external.folder);
        err = REFUSED;
    } else if (err == PL_E_EXTERNAL) {
        say("-e: %s", pl_external_detail());
        err = REFUSED;
    }
    if (err != 0 && keeper->made) (void)!brain_destroy(keeper->store); /* as if it had not begun */
    return err;
}

static int begin(struct keeper *keeper)
{
    uint64_t capacity, live;
    int err = open_and_claim(keeper);
    if (err == 0 && !keeper->made) {
        err = grow(keeper);
        if (err == 0 && is_elsewhere(keeper))
            say("it stays where it is: -d and -h are for a store that is made");
    }
    if (err == 0) err = begin_external(keeper);
    if (err == 0) err = brain_usage(keeper->store, &capacity, &live);
    if (err == 0) {
        /* Where this fails, it was removed just now, and the first look will tell. */
        (void)stat(brain_directory(keeper->store), &keeper->directory);
        warn_of_room(keeper->store, capacity);
        say("ready: %s holds %llu bytes, in %s", brain_path(keeper->store),
            (unsigned long long)capacity, brain_directory(keeper->store));
    }
    return err;
}

/* ---- keeping and ending */

static void withdraw_note(struct keeper *keeper)
{
    /* On an error it stays, and counts for nothing once this process has ended. */
    int err = brain_delete(keeper->space, NAME, strlen(NAME), keeper->version);
    (void)err;
}

/* Whether the store's directory is gone, as after rm -r, of which the library does not tell. */
static bool is_removed(const struct keeper *keeper)
{
    struct stat now;
    return stat(brain_directory(keeper->store), &now) != 0
               ? errno == ENOENT
               : now.st_ino != keeper->directory.st_ino || now.st_dev != keeper->directory.st_dev;
}

/* Give back what the dead held; and, if somebody has died or it is due, what they left among the
 * Plasma objects. */
static int tidy(brain_store *store, bool is_due)
{
    struct pl_store objects;
    uint32_t n_dead = 0;
    int err = brain_reap(store, &n_dead);
    if (err != 0 || (n_dead == 0 && !is_due)) return err;
    err = pl_store_open(store, &objects);
    if (err != 0) return err;
    err = pl_remove_dead(&objects);
    if (err == 0) err = pl_external_sweep(&objects);
    pl_store_close(&objects);
    return err;
}

/* Until it is told to end. DESTROYED where somebody else removed the store; other errors are said
 * once, and may pass: a writer that was stopped, a damage that others are told of as well. */
static int keep(struct keeper *keeper)
{
    int said = 0;
    for (unsigned turn = 1; !is_told_to_end(&keeper->signals, PERIOD_NS); turn++) {
        int err = tidy(keeper->store, turn % SWEEP_EVERY == 0);
        if (err == BRAIN_E_DESTROYED || is_removed(keeper)) return BRAIN_E_DESTROYED;
        if (err != 0 && err != said && err != BRAIN_E_TIMEOUT) say_error(err);
        said = err;
    }
    return 0;
}

static int end(struct keeper *keeper)
{
    if (keeper->wish.keep) {
        withdraw_note(keeper);
        return 0;
    }
    int err = brain_destroy(keeper->store);
    if (err == 0 || err == BRAIN_E_DESTROYED) pl_external_destroy(&keeper->external);
    return err == BRAIN_E_DESTROYED ? 0 : err; /* it is gone, which is what was asked for */
}

static int run(struct keeper *keeper)
{
    hold_signals(&keeper->signals);
    int err = begin(keeper);
    if (err != 0) {
        say_error(err);
        if (keeper->version != 0) withdraw_note(keeper);
        return err;
    }
    err = keep(keeper);
    if (err == BRAIN_E_DESTROYED) {
        say("somebody else removed the store at %s", keeper->wish.path);
        pl_external_destroy(&keeper->external);
        return err;
    }
    err = end(keeper);
    if (err != 0) say_error(err);
    return err;
}

int main(int argc, char **argv)
{
    struct keeper keeper = { .made = false };
    setvbuf(stderr, NULL, _IOLBF, 0); /* a line at once, also where several write */
    if (!parse(argc, argv, &keeper.wish)) return 1;
    int err = run(&keeper);
    close_store(&keeper);
    return err != 0;
}
