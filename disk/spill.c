/* spill.c - cold values go to files, and what stands for them takes their place.
 *
 * Order:    the file is whole, and locked by who writes it, before brain_move_away() lets the name lead there; the lock is
 *           let go of when that has returned. Until it has, the value is in the store; from then on in the file.
 * Crash:    before the move a file that no name leads to: the next who tidies removes it (tidy.c). After it nothing.
 * Others:   one spills at a time, since each has views of its sample, which no other may move then. Two who spill one
 *           value all the same make one file: the second finds it there, and takes another value. A value that somebody
 *           has a view of is passed over, at the sampling and once more when its file is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "spilled.h"
#include "tidy.h"
#include "victims.h"

#define SMALLEST  ((uint64_t)64 << 10) /* that is worth a file */
#define N_VICTIMS 16u
#define N_TRIES   3
#define PASSED    1 /* this one is not to be moved now */

struct brain_spiller {
    brain_store *store;
    char *directory; /* of this store's files */
    int dir_fd;
    uint64_t n_since_tidy, n_files; /* spilled since; there then */
};

/* ---- directories */

/* As the store: whoever may read it can recall. */
static void open_to_group(const brain_store *store, int fd, bool is_directory)
{
    struct stat st;
    if (stat(brain_directory(store), &st) == 0 && (st.st_mode & 070) != 0 &&
        fchown(fd, (uid_t)-1, st.st_gid) == 0) {
        bool may_write = (brain_access(store) & BRAIN_ACCESS_OTHERS_WRITE) != 0;
        mode_t mode = !is_directory ? 0640 : may_write ? 0770 : 0750;
        (void)fchmod(fd, mode); /* else it is the owner's alone: who cannot read is told so */
    }
}

/* Make a directory and those above it. */
static int make_directories(const char *path)
{
    char *part = strdup(path);
    if (part == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a path");
    }
    int os = 0;
    for (char *slash = strchr(part + 1, '/'); slash != NULL && os == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        os = mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : errno;
        *slash = '/';
    }
    os = os != 0 ? os : mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : errno;
    free(part);
    return os == 0 ? 0 : bd_error_os(os, "cannot make the directory %s, to spill to", path);
}

/* The directory of this store's files, and a sign of whose it is. */
static int open_own(struct brain_spiller *spill)
{
    int err = bd_spilled_directory(spill->store, &spill->directory);
    if (err != 0) {
        return err != BRAIN_E_NOT_FOUND ? err
                                        : bd_error(err, "%s has no directory to spill to: name one",
                                                   brain_path(spill->store));
    }
    bool is_new = mkdir(spill->directory, 0700) == 0;
    spill->dir_fd = open(spill->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (spill->dir_fd < 0) {
        return bd_error_os(errno, "cannot open %s, to spill to", spill->directory);
    }
    if (is_new) {
        open_to_group(spill->store, spill->dir_fd, true);
    }
    return bd_tidy_sign(spill->store, spill->dir_fd);
}

static int choose_directory(brain_store *store, const char *directory)
{
    int err = bd_spilled_may_choose(store, directory);
    err = err != 0 ? err : make_directories(directory);
    if (err != 0) {
        return err;
    }
    char *real = realpath(directory, NULL);
    if (real == NULL) {
        return bd_error_os(errno, "cannot find the directory %s, to spill to", directory);
    }
    err = bd_spilled_choose(store, real);
    bd_tidy_gone(real, store);
    free(real);
    return err;
}

int brain_spill_tidy(brain_spiller *spill, uint64_t *n_gone_out)
{
    uint64_t n_gone;
    int err = bd_tidy_store(spill->store, spill->dir_fd, &spill->n_files, &n_gone);
    if (err == 0) {
        spill->n_since_tidy = 0;
        if (n_gone_out != NULL) {
            *n_gone_out = n_gone;
        }
    }
    return err;
}

/* Nobody who replaces a value that is away can know of its file: so tidying is due as files are made, and comes to a look or two
 * for each. */
static int tidy_if_due(struct brain_spiller *spill)
{
    return spill->n_since_tidy >= spill->n_files + N_VICTIMS ? brain_spill_tidy(spill, NULL) : 0;
}

/* ---- one value */

/* A file that is ours alone: 0; PASSED where another is writing it, or it was left and cannot go. */
static int make_file(struct brain_spiller *spill, const char *name, int *fd_out)
{
    struct stat st;
    for (int i = 0; i < N_TRIES; i++) {
        int fd =
            openat(spill->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST) {
            bool is_gone;
            int err = bd_tidy_file(spill->store, spill->dir_fd, name, &is_gone);
            if (err != 0 || !is_gone) {
                return err != 0 ? err : PASSED;
            }
            continue;
        }
        if (fd < 0) {
            return bd_error_os(errno, "cannot make a file in %s", spill->directory);
        }
        /* Who tidies may have come before the lock. */
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) {
            open_to_group(spill->store, fd, false);
            *fd_out = fd;
            return 0;
        }
        close(fd);
    }
    return PASSED;
}

/* The move, when the file is whole. */
static int move(struct brain_spiller *spill, int fd, const brain_view *view,
                const struct bd_stand_in *stand_in)
{
    bool is_viewed;
    int err = bd_victims_is_viewed(spill->store, view, &is_viewed);
    if (err != 0 || is_viewed) {
        return err != 0 ? err : PASSED;
    }
    err = brain_move_away(view, stand_in, sizeof *stand_in);
    switch (err) {
    case 0:
        break;
    case BRAIN_E_STALE:
    case BRAIN_E_NOT_FOUND:
    case BRAIN_E_INVAL:
        return PASSED;
    default:
        return bd_error_store(err);
    }
    struct bd_spilled it;
    brain_view now;
    if (bd_spilled_read(fd, spill->directory, &it) == 0) {
        if (bd_spilled_find(spill->store, &it, &now) == 0) {
            bd_spilled_note(fd, now.object);
            brain_view_drop(&now);
        }
        free(it.names);
    }
    return 0;
}

/* 0; PASSED; FULL, of the disk; or an error. */
static int spill_one(struct brain_spiller *spill, const brain_view *view)
{
    char name[BD_SPILLED_NAME_ROOM];
    uint8_t id[BRAIN_ID_BYTES];
    struct bd_stand_in stand_in;
    brain_space *space;
    int fd = -1;
    int err = brain_view_space(view, &space, NULL, NULL);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? PASSED : bd_error_store(err);
    }
    brain_view_id(view, id);
    bd_spilled_name(id, name);
    err = make_file(spill, name, &fd);
    if (err == 0) {
        err = bd_spilled_write(fd, spill->directory, view, space, &stand_in);
        err = err != 0 ? err : move(spill, fd, view, &stand_in);
        if (err != 0) {
            (void)unlinkat(spill->dir_fd, name, 0); /* else who tidies does */
        }
        (void)flock(fd, LOCK_UN); /* a child that came about meanwhile has the descriptor too */
        close(fd);
    }
    brain_space_close(space);
    return err;
}

/* ---- whose turn it is */

#define TURN_WAITS_MS 10000
#define TURN_LOOKS_MS 5

/* Wait until nobody else spills values of this store, of this process or another: `*had_to_wait_out`. Who stands still for
 * too long with it is TIMEOUT. The lock is of a descriptor of our own, so threads of a process have two. */
static int take_turn(const struct brain_spiller *spill, int *fd_out, bool *had_to_wait_out)
{
    const struct timespec pause = { .tv_nsec = TURN_LOOKS_MS * 1000000L };
    int fd = openat(spill->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return bd_error_os(errno, "cannot spill to %s", spill->directory);
    }
    *had_to_wait_out = false;
    for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; ms += TURN_LOOKS_MS) {
        *had_to_wait_out = true;
        if (ms >= TURN_WAITS_MS) {
            close(fd);
            return bd_error(BRAIN_E_TIMEOUT,
                            "another process has been spilling values of %s for %d seconds, or was "
                            "stopped "
                            "meanwhile; or a child of one that died has its files open",
                            brain_path(spill->store), TURN_WAITS_MS / 1000);
        }
        (void)nanosleep(&pause, NULL);
    }
    *fd_out = fd;
    return 0;
}

static void end_turn(int fd)
{
    (void)flock(fd, LOCK_UN); /* a child that came about meanwhile has the descriptor too */
    close(fd);
}

/* ---- as many as it takes */

/* The values of one sample. `*n_passed_out`: that were not to be moved. */
static int spill_some(struct brain_spiller *spill, brain_view *views, size_t n, uint64_t bytes,
                      uint64_t *moved)
{
    int err = 0;
    for (size_t i = 0; i < n && err == 0 && *moved < bytes; i++) {
        uint64_t size = views[i].size_bytes;
        err = spill_one(spill, &views[i]);
        brain_view_drop(&views[i]); /* now, since its memory is what is wanted */
        if (err == 0) {
            *moved += size;
            spill->n_since_tidy++;
        }
        err = err == PASSED ? 0 : err;
    }
    for (size_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int spill_all(brain_spiller *spill, brain_space *space, uint64_t bytes, uint64_t *moved_out)
{
    brain_view views[N_VICTIMS];
    uint64_t moved = 0, before, n_gone;
    bool was_tidied = false;
    size_t n = 0;
    int err = tidy_if_due(spill);
    do {
        before = moved;
        err = err != 0 ? err : bd_victims_find(spill->store, space, SMALLEST, views, N_VICTIMS, &n);
        err = err != 0 ? err : spill_some(spill, views, n, bytes, &moved);
        if (err == BRAIN_E_FULL &&
            !was_tidied) { /* the disk: what nobody needs may be what fills it */
            was_tidied = true;
            err = brain_spill_tidy(spill, &n_gone);
            before = moved + 1;
        }
    } while (err == 0 && moved < bytes && moved != before);
    *moved_out = moved;
    return err != 0 && moved < bytes ? err
           : moved < bytes
               ? bd_error(BRAIN_E_NOT_FOUND,
                          "%s has no value of 64 KiB or more that nobody has a view of and "
                          "that could be spilled: %llu of %llu bytes were",
                          brain_path(spill->store), (unsigned long long)moved,
                          (unsigned long long)bytes)
               : 0;
}

int brain_spill(brain_spiller *spill, brain_space *space, uint64_t bytes, uint64_t *moved_out)
{
    bool had_to_wait;
    uint64_t moved = 0;
    int turn, err = take_turn(spill, &turn, &had_to_wait);
    if (err == 0) {
        err = spill_all(spill, space, bytes, &moved);
        end_turn(turn);
    }
    if (moved_out != NULL) {
        *moved_out = moved;
    }
    return err;
}

/* Asked by a call that found the store full: brain_on_full(). */
static int make_room(void *context, brain_store *store, brain_space *space, uint64_t bytes)
{
    struct brain_spiller *spill = context;
    bool had_to_wait;
    uint64_t moved = 0;
    int turn, err = take_turn(spill, &turn, &had_to_wait);
    (void)store;
    if (err == 0) {
        if (!had_to_wait) { /* else somebody has made room meanwhile: it tries again */
            err = spill_all(spill, space, bytes != 0 ? bytes : 1, &moved);
        }
        end_turn(turn);
    }
    if (err == 0 || moved > 0) {
        return 0;
    }
    brain_tell_error(brain_disk_error_detail());
    return err == BRAIN_E_NOT_FOUND ? BRAIN_E_FULL : err;
}

/* ---- the whole */

int brain_spill_open(brain_store *store, const char *directory, brain_spiller **spill_out)
{
    if (directory != NULL && (directory[0] == '\0' || strlen(directory) >= PATH_MAX)) {
        return bd_error(BRAIN_E_INVAL, "the directory to spill to has a path of 1 to %d bytes",
                        PATH_MAX - 1);
    }
    struct brain_spiller *spill = calloc(1, sizeof *spill);
    if (spill == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to spill");
    }
    spill->store = store;
    spill->dir_fd = -1;
    int err = directory != NULL ? choose_directory(store, directory) : 0;
    err = err != 0 ? err : open_own(spill);
    err = err != 0 || directory == NULL ? err : brain_spill_tidy(spill, NULL);
    if (err == 0 && (err = brain_on_full(store, make_room, spill)) != 0) {
        err = bd_error_store(err);
    }
    if (err != 0) {
        spill->store = NULL;
        brain_spill_close(spill);
        return err;
    }
    *spill_out = spill;
    return 0;
}

void brain_spill_close(brain_spiller *spill)
{
    if (spill == NULL) {
        return;
    }
    if (spill->store != NULL && brain_on_full(spill->store, NULL, NULL) != 0) {
        /* a store that is destroyed, or a child's that has none: nobody asks there any more */
    }
    if (spill->dir_fd >= 0) {
        close(spill->dir_fd);
    }
    free(spill->directory);
    free(spill);
}

int brain_spill_destroy(brain_store *store)
{
    char *directory;
    int there = bd_spilled_directory(store, &directory);
    int err = brain_destroy(store);
    if (there == 0) {
        if (err == 0) {
            bd_tidy_remove(directory);
        }
        free(directory);
    }
    return err != 0 ? bd_error_store(err) : 0;
}
