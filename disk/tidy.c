/* tidy.c - files of spilled values that nobody needs any more.
 *
 * A file is needed while a name leads to it, or somebody has a view of what stands for it, or a snapshot might still give
 * one. Its writer has it locked (flock) from its birth until the move has returned: so a lock that can be had means that
 * nobody is about to let a name lead there. Then, in this order:
 *
 *   the name    does not lead there: nobody finds it by name any more, and nobody ever will
 *   snapshots   none is open: nobody comes to it by one that was opened before
 *   pins        nobody has one on what stands for it (the head says which); those taken by such a snapshot are there to see
 *
 * A file whose head was not written whole has no name that leads to it, since that comes after.
 *
 * Stores:   the directory of one that is gone is removed by the next who spills beside it, if that is certain: it was of
 *           an earlier boot of this machine, or in the file system and mount namespace that we see, and is not there.
 *           Another container's is left alone.
 */
#include "tidy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "spilled.h"

#define SIGN     "path"
#define SIGN_MAX 8192

/* ---- files */

/* Whether `name` is one of a value's file: nothing else is ever removed here. */
static bool is_value(const char *name)
{
    return strlen(name) == 2 * BRAIN_ID_BYTES &&
           strspn(name, "0123456789abcdef") == 2 * BRAIN_ID_BYTES;
}

static int count_snapshots(brain_store *store, uint64_t *n_out)
{
    brain_stat stat = { .struct_size = sizeof stat };
    int err = brain_stat_get(store, &stat);
    *n_out = err == 0 ? stat.n_snapshots : 1;
    return err != 0 ? bd_error_store(err) : 0;
}

/* Whether anybody has a view of `object`; 0: of whatever it is. */
static int is_pinned(brain_store *store, uint32_t object, bool *is_out)
{
    size_t n = 0, room = 256;
    brain_pin *pins = NULL;
    int err;
    do {
        room = n + n / 4 + 256;
        free(pins);
        pins = malloc(room * sizeof *pins);
        err = pins != NULL ? brain_pins(store, pins, room, &n) : 0;
    } while (pins != NULL && err == 0 && n > room);
    if (pins == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a list of views");
    }
    *is_out = object == 0 && n > 0;
    for (size_t i = 0; i < n && err == 0; i++) {
        *is_out = *is_out || pins[i].object == object;
    }
    free(pins);
    return err != 0 ? bd_error_store(err) : 0;
}

/* No name leads to the file: whether somebody may still come to it, or is there. */
static int is_in_use(brain_store *store, uint32_t object, bool *is_out)
{
    uint64_t n_snapshots;
    int err = count_snapshots(store, &n_snapshots);
    *is_out = n_snapshots > 0;
    return err != 0 || *is_out ? err : is_pinned(store, object, is_out);
}

/* Whether the file, which we have locked, is needed. */
static int is_needed(brain_store *store, int fd, const char *name, bool *is_out)
{
    struct bd_spilled it;
    brain_view view;
    int err = bd_spilled_read(fd, name, &it);
    if (err ==
        BRAIN_E_CORRUPT) { /* it was never whole; or it is damaged, which whoever recalls it is to hear */
        *is_out = bd_spilled_was_whole(fd);
        return 0;
    }
    if (err != 0) {
        return err;
    }
    err = bd_spilled_find(store, &it, &view);
    *is_out = err == 0;
    if (err == 0) {
        if (it.head.object != view.object) { /* its writer died before it could say so */
            bd_spilled_note(fd, view.object);
        }
        brain_view_drop(&view);
    } else if (err == BRAIN_E_NOT_FOUND) {
        err = is_in_use(store, it.head.object, is_out);
    }
    free(it.names);
    return err;
}

int bd_tidy_file(brain_store *store, int dir_fd, const char *name, bool *is_gone_out)
{
    struct stat st;
    bool is = true;
    *is_gone_out = false;
    int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == EACCES) { /* another user's */
        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }
    if (fd < 0) {
        *is_gone_out = errno == ENOENT;
        return 0; /* what cannot be opened is left */
    }
    int err = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        err = st.st_nlink == 0 ? 0 : is_needed(store, fd, name, &is);
        if (err == 0 && !is) {
            *is_gone_out = unlinkat(dir_fd, name, 0) == 0;
        }
        (void)flock(fd, LOCK_UN); /* a child that came about meanwhile has the descriptor too */
    }
    close(fd);
    return err;
}

static DIR *open_folder(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0) {
        close(fd);
    }
    return dir;
}

int bd_tidy_store(brain_store *store, int dir_fd, uint64_t *n_left_out, uint64_t *n_gone_out)
{
    DIR *dir = open_folder(dir_fd, ".");
    int err = dir != NULL ? 0 : bd_error_os(errno, "cannot read the directory of spilled values");
    *n_left_out = *n_gone_out = 0;
    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;) {
        bool is_gone = false;
        if (is_value(entry->d_name)) {
            err = bd_tidy_file(store, dir_fd, entry->d_name, &is_gone);
            *n_left_out += !is_gone;
            *n_gone_out += is_gone;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return err;
}

/* ---- stores that are gone */

/* A line of a file of the system, or nothing. */
static void read_line(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, room - 1) : 0;
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

/* Where a store is, by what cannot be the same elsewhere. */
struct where {
    char machine[160], boot[64]; /* its id and name */
    uint64_t mounts, device, inode;
    char path[4096]; /* of its directory */
};

static void look_around(struct where *out)
{
    struct stat st;
    struct utsname its;
    read_line("/etc/machine-id", out->machine, sizeof out->machine);
    size_t n = strlen(out->machine);
    if (n != 0 && uname(&its) == 0) { /* machines that were made of one image have one id */
        snprintf(out->machine + n, sizeof out->machine - n, " %s", its.nodename);
    }
    read_line("/proc/sys/kernel/random/boot_id", out->boot, sizeof out->boot);
    out->mounts = stat("/proc/self/ns/mnt", &st) == 0 ? st.st_ino : 0;
}

int bd_tidy_sign(brain_store *store, int dir_fd)
{
    struct where here = { .mounts = 0 };
    struct stat st;
    char text[SIGN_MAX];
    look_around(&here);
    if (stat(brain_directory(store), &st) != 0) {
        return bd_error_os(errno, "cannot look at %s", brain_directory(store));
    }
    int n = snprintf(text, sizeof text, "%s\n%s\n%llu %llu %llu\n%s\n", here.machine, here.boot,
                     (unsigned long long)here.mounts, (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino, brain_directory(store));
    int fd = openat(dir_fd, SIGN, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno == EEXIST
                   ? 0
                   : bd_error_os(errno, "cannot write to the directory of spilled values");
    }
    ssize_t written = write(fd, text, (size_t)n);
    int os = written == n ? 0 : written < 0 ? errno : ENOSPC;
    close(fd);
    if (os != 0) {
        (void)unlinkat(dir_fd, SIGN, 0);
    }
    return os == 0 ? 0 : bd_error_os(os, "cannot write to the directory of spilled values");
}

static bool read_sign(int dir_fd, const char *name, struct where *out)
{
    char path[300], text[SIGN_MAX];
    unsigned long long mounts, device, inode;
    snprintf(path, sizeof path, "%s/%s", name, SIGN);
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    char *line[4], *rest = text, *end = n > 0 ? text + n - 1 : text;
    if (*end != '\n' || strlen(text) != (size_t)n) {
        return false; /* it is being written, or damaged */
    }
    *end = '\0';
    for (int i = 0; i < 3; i++) {
        line[i] = rest;
        rest = strchr(rest, '\n');
        if (rest == NULL) {
            return false;
        }
        *rest++ = '\0';
    }
    line[3] = rest; /* a path may have more of them */
    if (sscanf(line[2], "%llu %llu %llu", &mounts, &device, &inode) != 3 ||
        strlen(line[3]) >= sizeof out->path) {
        return false;
    }
    snprintf(out->machine, sizeof out->machine, "%s", line[0]);
    snprintf(out->boot, sizeof out->boot, "%s", line[1]);
    snprintf(out->path, sizeof out->path, "%s", line[3]);
    out->mounts = mounts;
    out->device = device;
    out->inode = inode;
    return true;
}

/* Whether the sign was written before this machine was booted. */
static bool is_older_than_boot(int dir_fd, const char *name)
{
    char path[300];
    struct stat st;
    struct timespec now, up;
    snprintf(path, sizeof path, "%s/%s", name, SIGN);
    return clock_gettime(CLOCK_REALTIME, &now) == 0 && clock_gettime(CLOCK_BOOTTIME, &up) == 0 &&
           fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtim.tv_sec < now.tv_sec - up.tv_sec - 60;
}

/* `name`: of the folder in `dir_fd`. Of an earlier boot: by everything that can be seen of that, since what looks like it
 * may be a container of this machine, or another one with the same image. */
static bool is_certainly_gone(int dir_fd, const char *name, const struct where *its,
                              const struct where *here, const struct stat *ours)
{
    struct stat st;
    if (its->boot[0] == '\0' || strcmp(its->boot, here->boot) != 0) {
        return its->machine[0] != '\0' && its->boot[0] != '\0' && here->boot[0] != '\0' &&
               strcmp(its->machine, here->machine) == 0 && is_older_than_boot(dir_fd, name);
    }
    if (its->mounts == 0 || its->mounts != here->mounts || its->device != ours->st_dev) {
        return false;
    }
    return lstat(its->path, &st) != 0 ? errno == ENOENT
                                      : st.st_dev == its->device && st.st_ino != its->inode;
}

static bool is_store(const char *name)
{
    return strlen(name) == 2 * BRAIN_STORE_ID_BYTES &&
           strspn(name, "0123456789abcdef") == 2 * BRAIN_STORE_ID_BYTES;
}

static void remove_folder(int parent_fd, const char *name)
{
    DIR *dir = open_folder(parent_fd, name);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (is_value(entry->d_name)) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    (void)unlinkat(dirfd(dir), SIGN, 0); /* last: until then the next one goes on here */
    closedir(dir);
    (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

void bd_tidy_gone(const char *directory, brain_store *store)
{
    struct where here = { .mounts = 0 }, its;
    struct stat ours;
    DIR *dir = open_folder(AT_FDCWD, directory);
    if (dir == NULL) {
        return;
    }
    look_around(&here);
    if (stat(brain_directory(store), &ours) == 0) {
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (is_store(entry->d_name) && read_sign(dirfd(dir), entry->d_name, &its) &&
                is_certainly_gone(dirfd(dir), entry->d_name, &its, &here, &ours)) {
                remove_folder(dirfd(dir), entry->d_name);
            }
        }
    }
    closedir(dir);
}

void bd_tidy_remove(const char *path)
{
    remove_folder(AT_FDCWD, path);
}
