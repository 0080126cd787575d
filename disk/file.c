/* file.c - a file that takes the place of another when it is whole and on the disk.
 *
 * Owns:     until the commit, a file without a name (O_TMPFILE); where the file system has none such, one with a name
 *           that nobody else looks at: ".brain-", a hash of the file's name, a random number.
 * Crash:    a file without a name goes with the process. One with a name is locked (flock) by who writes it, and the next
 *           that writes to the same path removes those that nobody has locked. `path` is replaced by one rename.
 * Source:   write, fsync, rename, fsync of the directory: what file systems promise to keep (Pillai and others, All File Systems
 *           Are Not Created Equal, OSDI 2014).
 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "error.h"

#define N_TRIES 100

/* ".brain-" and 16 digits: what all temporary names of one file begin with. */
static void prefix_of(const char *name, char out[32])
{
    snprintf(out, 32, ".brain-%016llx-", (unsigned long long)XXH3_64bits(name, strlen(name)));
}

static int choose_name(struct bd_file *file)
{
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        return errno;
    }
    char prefix[32];
    prefix_of(file->name, prefix);
    snprintf(file->temporary, sizeof file->temporary, "%s%08x", prefix, number);
    return 0;
}

/* A temporary file of one who died: nobody has a lock on it. Who has just made one and has it not locked yet finds that it is gone
 * (make_named()). */
static void remove_if_left(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            (void)unlinkat(dir_fd, name, 0); /* if it cannot be, the next one tries */
        }
        close(fd);
    }
}

static void remove_left(const struct bd_file *file)
{
    char prefix[32];
    prefix_of(file->name, prefix);
    int fd = openat(file->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return; /* a directory that may be written and not read: they stay */
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            remove_if_left(file->dir_fd, entry->d_name);
        }
    }
    closedir(dir);
}

static int make_named(struct bd_file *file)
{
    for (int i = 0; i < N_TRIES; i++) {
        struct stat st;
        int os = choose_name(file);
        if (os != 0) {
            return os;
        }
        file->fd = openat(file->dir_fd, file->temporary,
                          O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file->fd < 0 && errno == EEXIST) {
            continue;
        }
        if (file->fd < 0) {
            return errno;
        }
        if (flock(file->fd, LOCK_EX) == 0 && fstat(file->fd, &st) == 0 && st.st_nlink == 1) {
            file->has_name = true;
            return 0;
        }
        close(file->fd);
        file->fd = -1;
    }
    return EEXIST;
}

static int make(struct bd_file *file)
{
    bool may_be_named_later = access("/proc/self/fd", X_OK) == 0;
    file->fd =
        may_be_named_later ? openat(file->dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (file->fd < 0) {
        return make_named(file);
    }
    /* Before it has a name: then nobody takes it for one that was left. */
    return flock(file->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

/* Split `path`, which is the caller's to free, into directory and name. */
static int open_directory(struct bd_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL   ? strdup(".")
                      : slash == path ? strdup("/")
                                      : strndup(path, (size_t)(slash - path));
    file->name = strdup(slash == NULL ? path : slash + 1);
    if (directory == NULL || file->name == NULL) {
        free(directory);
        return bd_error(BRAIN_E_NOMEM, "no memory for a path");
    }
    file->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = file->dir_fd >= 0 ? 0 : bd_error_os(errno, "cannot write %s: %s", path, directory);
    free(directory);
    return err;
}

/* Where `path` leads, to be freed: itself, or where a link points to. */
static int resolve(const char *path, char **resolved_out)
{
    struct stat st;
    *resolved_out = NULL;
    if (path[0] == '\0' || path[strlen(path) - 1] == '/') {
        return bd_error(BRAIN_E_INVAL, "\"%s\" names no file", path);
    }
    bool is_there = lstat(path, &st) == 0;
    if (is_there && S_ISLNK(st.st_mode)) {
        *resolved_out = realpath(path, NULL);
        if (*resolved_out == NULL) {
            return bd_error_os(errno, "cannot write %s, a link to what cannot be found", path);
        }
        is_there = stat(path, &st) == 0;
    } else {
        *resolved_out = strdup(path);
        if (*resolved_out == NULL) {
            return bd_error(BRAIN_E_NOMEM, "no memory for a path");
        }
    }
    return is_there && !S_ISREG(st.st_mode)
               ? bd_error(BRAIN_E_INVAL, "cannot write %s: it is no file", path)
               : 0;
}

/* The system keeps in memory what was written to the file that is to be replaced, and nobody will read. With as much
 * again to be written it looks for pages that it can do without, one by one, which takes longer than to write: a dump of
 * 4 GB on a machine of 24 took 5.7 s, and takes 3.2. If it cannot be asked, it is slower. */
static void forget_cached(const char *path)
{
#ifdef POSIX_FADV_DONTNEED
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
#else
    (void)path;
#endif
}

int bd_file_begin(struct bd_file *file, const char *path)
{
    *file = (struct bd_file){ .fd = -1, .dir_fd = -1 };
    char *resolved;
    int err = resolve(path, &resolved);
    if (err == 0) {
        forget_cached(resolved);
    }
    err = err != 0 ? err : open_directory(file, resolved);
    free(resolved);
    if (err == 0) {
        remove_left(file);
        int os = make(file);
        err = os == 0 ? 0 : bd_error_os(os, "cannot make a file in the directory of %s", path);
    }
    if (err != 0) {
        bd_file_end(file);
    }
    return err;
}

static int give_name(struct bd_file *file)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", file->fd);
    for (int i = 0; i < N_TRIES; i++) {
        int os = choose_name(file);
        if (os != 0) {
            return os;
        }
        if (linkat(AT_FDCWD, self, file->dir_fd, file->temporary, AT_SYMLINK_FOLLOW) == 0) {
            file->has_name = true;
            return 0;
        }
        if (errno != EEXIST) {
            return errno;
        }
    }
    return EEXIST;
}

int bd_file_commit(struct bd_file *file)
{
    if (fsync(file->fd) != 0) {
        return bd_error_os(errno, "cannot bring %s to the disk", file->name);
    }
    int os = file->has_name ? 0 : give_name(file);
    if (os == 0 && renameat(file->dir_fd, file->temporary, file->dir_fd, file->name) != 0) {
        os = errno;
    }
    if (os != 0) {
        return bd_error_os(os, "cannot put %s in its place", file->name);
    }
    file->has_name = false;
    /* EINVAL: a file system that syncs no directories. */
    return fsync(file->dir_fd) == 0 || errno == EINVAL
               ? 0
               : bd_error_os(errno, "cannot bring the directory of %s to the disk", file->name);
}

void bd_file_end(struct bd_file *file)
{
    if (file->has_name) {
        (void)unlinkat(file->dir_fd, file->temporary, 0); /* else the next one does it */
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    if (file->dir_fd >= 0) {
        close(file->dir_fd);
    }
    free(file->name);
}
