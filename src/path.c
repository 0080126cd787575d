/* path.c - making, finding and removing the directory of a store.
 *
 * Making: a directory is built under a temporary name and renamed into place, failing where
 * something is there: nobody ever sees half a store, and of two makers one wins and the other opens
 * what it made. A maker that dies leaves its temporary directory to the next one, which tells by
 * the lock on its `data` that nobody is at work there.
 *
 * /tmp is full of strangers: links are read and their owner checked here, never followed blindly.
 */
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"
#include "build.h"

#define SHM         "/dev/shm"
#define TEMP_PREFIX ".brain-new-"
#define TRIES       1000
/* What comes behind a path (/clients), and stands in the place of its last part while a store is made (TEMP_PREFIX and
 * digits), has to fit as well. */
#define PATH_BYTES_MAX      (PATH_MAX - 65)
#define LAST_PART_BYTES_MAX (NAME_MAX - 40)
#define FOR_OTHERS                                                                                 \
    "others can open a store only where its owner made it with their group (group=, mode=)"

/* Internal: NOT_FOUND for the caller, but nothing may be made there. */
#define ELSEWHERE (-120)

/* Where a path leads. */
struct place {
    char path[PATH_MAX];     /* absolute */
    char target[PATH_MAX];   /* the real directory */
    size_t parent_len;       /* of `target`: what that one is in */
    char name[NAME_MAX + 1]; /* the rest of it */
    bool linked;             /* `path` is to be a link to it */
    bool in_memory;          /* what `path` is in: a store may be made there itself */
};

/* ---- resolving */

static int make_absolute(const char *path, char out[PATH_MAX])
{
    size_t len = strlen(path);
    char cwd[PATH_MAX] = "";
    if (len == 0 || (path[0] != '/' && getcwd(cwd, sizeof cwd) == NULL)) {
        return bn_error(BRAIN_E_INVAL, len == 0 ? "the path of a store is empty"
                                                : "the current directory has no name: give an "
                                                  "absolute path");
    }
    int n = snprintf(out, PATH_MAX, "%s%s%s", cwd, path[0] == '/' ? "" : "/", path);
    if (n > PATH_BYTES_MAX) {
        return bn_error(BRAIN_E_INVAL, "the path of a store is longer than %d bytes",
                        PATH_BYTES_MAX);
    }
    while (n > 1 && out[n - 1] == '/') {
        out[--n] = '\0';
    }
    if (n == 1) {
        return bn_error(BRAIN_E_INVAL, "'/' cannot be the path of a store");
    }
    return 0;
}

/* Whether the system could not tell, rather than that a path leads nowhere. */
static bool is_refusal(int error)
{
    return error != ENOENT && error != ENOTDIR && error != EACCES && error != ELOOP &&
           error != ENAMETOOLONG;
}

/* parent, with links resolved, and last component of an absolute path. */
static int split(const char *path, char parent[PATH_MAX], char name[NAME_MAX + 1])
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    if (strlen(slash + 1) > LAST_PART_BYTES_MAX) {
        return bn_error(BRAIN_E_INVAL, "the last part of the path is longer than %d bytes: %s",
                        LAST_PART_BYTES_MAX, path);
    }
    snprintf(name, NAME_MAX + 1, "%s", slash + 1);
    *slash = '\0';
    if (realpath(copy[0] != '\0' ? copy : "/", parent) != NULL) {
        return 0;
    }
    return is_refusal(errno)
               ? bn_error_os(-errno, "cannot look for the directory %s of the path %s", copy, path)
               : bn_error(errno == ENOENT ? BRAIN_E_NOT_FOUND : BRAIN_E_PERM,
                          "the directory %s of the path %s does not exist or may not be entered%s",
                          copy, path,
                          strstr(path, "/~") == NULL ? ""
                                                     : ": ~ is a name like any other; "
                                                       "os.path.expanduser() of Python "
                                                       "puts the home directory there");
}

/* parent/name into `out`, and whether it fits. */
static bool join(const char *parent, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
    return n <= PATH_BYTES_MAX;
}

static bool is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* What the file system of a directory is. Not to be able to tell is an error: a store would be made
 * in another place than the one where it is looked for the next time. */
static int look_at_memory(const char *parent, bool *in_memory_out, bool *is_tmpfs_out)
{
    int fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int os = fd < 0 ? -errno : bn_os_in_memory(fd, in_memory_out, is_tmpfs_out);
    if (fd >= 0) {
        close(fd);
    }
    return os == 0 ? 0 : bn_error_os(os, "cannot look at %s", parent);
}

static int parent_in_memory(const char *parent, bool *in_memory_out)
{
    bool is_tmpfs;
    if (is_below(parent, "/tmp") || is_below(parent, "/var/tmp")) {
        *in_memory_out = false;
        return 0;
    }
    return look_at_memory(parent, in_memory_out, &is_tmpfs);
}

/* How the name of a directory begins that belongs to a path and is not at it: brain-UID-PATH- */
static size_t begin_name(const char *path, char name[NAME_MAX + 1])
{
    return (size_t)snprintf(name, NAME_MAX + 1, "brain-%u-%016llx-", (unsigned)geteuid(),
                            (unsigned long long)bn_hash_bytes(path, strlen(path)));
}

/* How a name tells this boot from others: zeros where the system says it to nobody (no /proc). 0, or -errno: it
 * did not tell this time, and who is told makes and looks for another name. */
static int boot_of_names(char boot[37])
{
    int os = bn_os_boot_id(boot);
    if (os != 0 && !is_refusal(-os)) {
        memset(boot, '0', 36);
        boot[36] = '\0';
        os = 0;
    }
    return os;
}

/* The rest of it: BOOT-DEVICE, as it is now in `parent`. 0; -ENOENT: there is no such directory; or
 * another -errno. */
static int end_name(const char *parent, char *end, size_t room)
{
    struct stat st;
    char boot[37];
    if (stat(parent, &st) != 0) {
        return is_refusal(errno) ? -errno : -ENOENT;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOENT;
    }
    int os = boot_of_names(boot);
    if (os == 0) {
        snprintf(end, room, "%.8s-%llx", boot, (unsigned long long)st.st_dev);
    }
    return os;
}

/* Let the directory of place->path be one in `parent`, and the path a link to it. */
static int lead_to(struct place *place, const char *parent)
{
    size_t n = begin_name(place->path, place->name);
    place->linked = true;
    int os = end_name(parent, place->name + n, sizeof place->name - n);
    place->parent_len = strlen(parent);
    return os == 0 && !join(parent, place->name, place->target) ? -ENAMETOOLONG : os;
}

static int resolve(const char *path, struct place *place)
{
    char parent[PATH_MAX], name[NAME_MAX + 1], given[PATH_MAX];
    int err = make_absolute(path, given);
    if (err == 0) {
        err = split(given, parent, name);
    }
    if (err != 0) {
        return err;
    }
    if (!join(parent, name, place->path)) {
        return bn_error(BRAIN_E_INVAL,
                        "the path of a store is longer than %d bytes where links lead: %s",
                        PATH_BYTES_MAX, given);
    }
    err = parent_in_memory(parent, &place->in_memory);
    if (err != 0) {
        return err;
    }
    place->linked = !place->in_memory;
    if (!place->linked) {
        memcpy(place->name, name, sizeof name);
        strcpy(place->target, place->path);
        place->parent_len = strlen(parent);
        return 0;
    }
    int os = lead_to(place, SHM);
    return os == 0 ? 0
           : os == -ENOENT
               ? bn_error(BRAIN_E_IO,
                          "there is no %s on this machine: give a path on a file system in memory "
                          "(tmpfs)",
                          SHM)
               : bn_error_os(os, "cannot look at %s", SHM);
}

/* Where the directory of a new store is to be made that is told where: in `directory`. */
static int resolve_into(const char *directory, const struct place *home, struct place *place)
{
    char parent[PATH_MAX];
    bool in_memory, is_tmpfs = false;
    *place = *home;
    bool is_there = realpath(directory, parent) != NULL;
    int os = is_there ? lead_to(place, parent) : -errno;
    if (is_there && os == -ENAMETOOLONG) {
        return bn_error(BRAIN_E_INVAL,
                        "the directory for a store, with what comes behind it, is longer than %d "
                        "bytes: \"%s\" for %s",
                        PATH_BYTES_MAX, directory, home->path);
    }
    if (os != 0 && is_refusal(-os)) {
        return bn_error_os(os, "cannot look at the directory \"%s\" for the store %s", directory,
                           home->path);
    }
    if (os != 0) {
        return bn_error(BRAIN_E_INVAL,
                        "there is no directory \"%s\" for the store %s: make it, on a file system "
                        "in memory (tmpfs)",
                        directory, home->path);
    }
    int err = look_at_memory(parent, &in_memory, &is_tmpfs);
    return err != 0   ? err
           : is_tmpfs ? 0
                      : bn_error(BRAIN_E_INVAL,
                                 "the directory %s for the store %s is not on a tmpfs: mount one "
                                 "there (mount -t tmpfs -o size=8G none %s); for huge pages, with "
                                 "huge=always: hugetlbfs does not serve, since nothing can be "
                                 "written there as to a file",
                                 parent, home->path, parent);
}

/* ---- the link */

/* Whether the last part of `where` is a name that the path's directory has, or had, elsewhere: what
 * comes then is BOOT-DEVICE; else NULL. */
static const char *find_ending(const struct place *place, const char *where)
{
    char ours[NAME_MAX + 1];
    const char *theirs = strrchr(where, '/');
    size_t n = begin_name(place->path, ours);
    theirs = theirs != NULL ? theirs + 1 : where;
    return strncmp(ours, theirs, n) == 0 ? theirs + n : NULL;
}

/* Why a link of ours leads nowhere: 0 where it may be replaced, else an error that tells. */
static int judge_dangling(const struct place *place, const char *text)
{
    char parent[PATH_MAX], now[NAME_MAX + 1] = "";
    const char *then = find_ending(place, text);
    if (then == NULL || text[0] != '/') {
        return bn_error(BRAIN_E_CORRUPT,
                        "%s is a symbolic link to %s, which is not there, or no directory: "
                        "remove the link, or choose another path",
                        place->path, text);
    }
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(text, '/') - text), text);
    char boot[37];
    int os = end_name(parent, now, sizeof now), os_boot = boot_of_names(boot);
    if (os_boot != 0 || (os != 0 && os != -ENOENT)) {
        return bn_error_os(os_boot != 0 ? os_boot : os, "cannot look at %s, where %s leads to",
                           parent, place->path);
    }
    if (strncmp(then, boot, 8) == 0 && (os != 0 || strcmp(then, now) != 0)) {
        return bn_error(ELSEWHERE,
                        "%s leads to %s, which lies on another mount of %s than "
                        "the one seen here (a container of its own?): share %s as well as %s, or "
                        "choose a path of this container's own",
                        place->path, text, parent, parent, place->path);
    }
    return 0;
}

/* A socket stands at `path`: a server of Plasma that ended leaves its own there. One of ours that
 * nobody listens on goes, where a store is to be made; two who remove it at once may take the link
 * of a store that the other has made since, which is made again. */
static int pass_socket(const char *path, const struct stat *st, const brain_options *options)
{
    if (st->st_uid != geteuid() || !bn_os_is_dead_socket(path)) {
        return bn_error(BRAIN_E_CORRUPT,
                        "%s is not a store but a socket on which a program listens, perhaps "
                        "pyarrow's plasma_store: end that, or choose another path",
                        path);
    }
    if (!(options->flags & BRAIN_OPEN_EXISTING) && unlink(path) != 0 && errno != ENOENT) {
        return bn_error_os(-errno, "cannot remove the socket that a program left at %s", path);
    }
    return 0;
}

/* Look at what stands at place->path. `*store_path` becomes where the store is, or "" where there
 * is none; a link that leads nowhere and may go is removed. */
static int read_link(const struct place *place, const brain_options *options,
                     char store_path[PATH_MAX])
{
    struct stat st;
    char text[PATH_MAX];
    store_path[0] = '\0';
    if (lstat(place->path, &st) != 0) {
        return errno == ENOENT ? 0 : bn_error_os(-errno, "cannot look at %s", place->path);
    }
    if (S_ISDIR(st.st_mode)) {
        snprintf(store_path, PATH_MAX, "%s", place->path);
        return 0;
    }
    if (S_ISSOCK(st.st_mode)) {
        return pass_socket(place->path, &st, options);
    }
    if (!S_ISLNK(st.st_mode)) {
        return bn_error(BRAIN_E_CORRUPT,
                        "%s is not a store but another kind of file, which stays as it "
                        "is: choose another path",
                        place->path);
    }
    if (st.st_uid != geteuid() && !(options->flags & BRAIN_OPEN_SHARED)) {
        return bn_error(BRAIN_E_PERM,
                        "%s is a link that user %u made, not you: choose another path, "
                        "or open it as shared if you trust them; " FOR_OTHERS,
                        place->path, (unsigned)st.st_uid);
    }
    ssize_t n = readlink(place->path, text, sizeof text - 1);
    if (n < 0 && errno == EINVAL) {
        return BN_AGAIN; /* it was a link just now */
    }
    if (n < 0) {
        return errno == ENOENT ? 0 : bn_error_os(-errno, "cannot read the link %s", place->path);
    }
    text[n] = '\0';
    struct stat target;
    if (text[0] == '/' && lstat(text, &target) == 0 && S_ISDIR(target.st_mode)) {
        snprintf(store_path, PATH_MAX, "%s", text);
        return 0;
    }
    int err = judge_dangling(place, text);
    if (err == 0 && unlink(place->path) != 0 && errno != ENOENT) {
        if (errno == EISDIR) {
            return BN_AGAIN; /* somebody else has replaced it, by a store */
        }
        err = bn_error_os(-errno, "cannot replace the link %s, which leads nowhere", place->path);
    }
    return err;
}

/* 0; or BN_AGAIN where somebody else has made the path something else. */
static int make_link(const struct place *place)
{
    char text[PATH_MAX];
    if (symlink(place->target, place->path) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return bn_error_os(-errno, "cannot make the link %s", place->path);
    }
    ssize_t n = readlink(place->path, text, sizeof text - 1);
    return n == (ssize_t)strlen(place->target) && memcmp(text, place->target, (size_t)n) == 0
               ? 0
               : BN_AGAIN;
}

/* ---- making */

/* `data` last, and not where `clients` stays: as long as it is there, it says that the store is being
 * destroyed. 0, or -errno. */
static int remove_files(int dir_fd)
{
    for (int i = 0; i < 2; i++) {
        if (unlinkat(dir_fd, i == 0 ? "clients" : "data", 0) != 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

/* Empty a temporary directory whose maker is dead. Its maker holds a lock on its `data` until it
 * has been renamed; whoever gets that lock instead has it for itself. */
static void sweep_files(int parent_fd, const char *temp, int dir_fd)
{
    struct stat ours, there;
    int fd = bn_os_beside_streams(openat(dir_fd, "data", O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0) {
        return; /* just made, or being swept */
    }
    /* The look at the name comes after the lock: until then its maker may have renamed it into
     * place, and what we have open is a store in use. */
    if (bn_os_byte_lock(fd, BN_LIFE_OFF(0)) == 0 && fstat(dir_fd, &ours) == 0 &&
        fstatat(parent_fd, temp, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == ours.st_ino &&
        there.st_dev == ours.st_dev) {
        (void)remove_files(dir_fd);
    }
    close(fd);
}

/* Remove what dead makers left in `parent_fd`. */
static void sweep(int parent_fd)
{
    int fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, TEMP_PREFIX, sizeof TEMP_PREFIX - 1) != 0) {
            continue;
        }
        int sub = openat(parent_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;
        if (sub >= 0 && fstat(sub, &st) == 0 && st.st_uid == geteuid()) {
            sweep_files(parent_fd, entry->d_name, sub);
        }
        if (sub >= 0) {
            close(sub);
        }
        (void)unlinkat(parent_fd, entry->d_name, AT_REMOVEDIR); /* only an empty one goes */
    }
    closedir(dir);
}

static int default_capacity(int parent_fd, const struct place *place, uint64_t *capacity_out)
{
    struct statvfs fs;
    if (fstatvfs(parent_fd, &fs) != 0) {
        return bn_error_os(-errno, "cannot find out what is free in %.*s: give a capacity",
                           (int)place->parent_len, place->target);
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t left = bn_os_cgroup_left(BN_OS_CGROUPS, BN_OS_OWN_CGROUPS);
    uint64_t half = (free_bytes < left ? free_bytes : left) / 2;
    half = half > (uint64_t)1 << 40 ? (uint64_t)1 << 40 : half;
    *capacity_out = half < BN_PAGE ? BN_PAGE : half & ~(uint64_t)(BN_PAGE - 1);
    return 0;
}

static mode_t directory_mode(const brain_options *options)
{
    return options->mode == 0600 ? 0700 : 0750;
}

/* Build under the temporary name `temp`, then rename. EXISTS where somebody else was first. */
static int build(int parent_fd, const struct place *place, const char *temp,
                 const brain_options *options)
{
    if (mkdirat(parent_fd, temp, 0700) != 0) {
        return bn_error_os(-errno, "cannot make the store %s", place->target);
    }
    int dir_fd = openat(parent_fd, temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir_fd < 0) {
        int err = errno == ENOENT ? BN_AGAIN /* swept in its first moment */
                                  : bn_error_os(-errno, "cannot make the store %s", place->target);
        (void)unlinkat(parent_fd, temp, AT_REMOVEDIR);
        return err;
    }
    uint64_t capacity = options->capacity_bytes;
    int guard = -1;
    int err = capacity != 0 ? 0 : default_capacity(parent_fd, place, &capacity);
    err = err != 0 ? err : bn_build(dir_fd, place->target, options, capacity, &guard);
    if (err == 0 && options->has_group && fchown(dir_fd, (uid_t)-1, (gid_t)options->group) != 0) {
        err = bn_error_os(-errno, "cannot give %s to group %u", place->target, options->group);
    }
    if (err == 0 && fchmod(dir_fd, directory_mode(options)) != 0) {
        err = bn_error_os(-errno, "cannot set the mode of %s", place->target);
    }
    if (err == 0) {
        int os = bn_os_rename_new(parent_fd, temp, place->name);
        err = os == 0 ? 0
              : os == -EEXIST || os == -ENOTEMPTY
                  ? BRAIN_E_EXISTS
                  : bn_error_os(os, "cannot make %s", place->target);
    }
    struct stat st;
    if (err != 0 && err != BRAIN_E_EXISTS && fstat(dir_fd, &st) == 0 && st.st_nlink == 0) {
        err = BN_AGAIN; /* swept before it had its lock */
    }
    if (err != 0) {
        (void)remove_files(dir_fd);
        (void)unlinkat(parent_fd, temp, AT_REMOVEDIR);
    }
    if (guard >= 0) {
        close(guard);
    }
    close(dir_fd);
    return err;
}

static int make_store(const struct place *place, const brain_options *options)
{
    char temp[NAME_MAX + 1], parent[PATH_MAX];
    uint64_t random = 0;
    snprintf(parent, sizeof parent, "%.*s", (int)place->parent_len, place->target);
    int parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent_fd < 0) {
        return bn_error_os(-errno, "cannot open %s", parent);
    }
    sweep(parent_fd);
    (void)bn_os_random(&random, sizeof random);
    snprintf(temp, sizeof temp, TEMP_PREFIX "%016llx", (unsigned long long)random);
    int err = build(parent_fd, place, temp, options);
    close(parent_fd);
    return err;
}

/* ---- opening */

/* What is said of a directory that could not be opened, by errno. */
static int refuse_directory(const char *where)
{
    struct stat st;
    int error = errno;
    if (error == EACCES && stat(where, &st) == 0 && st.st_uid != geteuid()) {
        return bn_error(BRAIN_E_PERM,
                        "cannot open %s, which belongs to user %u: Permission denied. "
                        "Choose another path; " FOR_OTHERS,
                        where, (unsigned)st.st_uid);
    }
    return bn_error_os(-error, "cannot open %s", where);
}

static int check_owner(int dir_fd, const char *where, const brain_options *options)
{
    struct stat st;
    if (fstat(dir_fd, &st) != 0) {
        return bn_error_os(-errno, "cannot look at %s", where);
    }
    if (st.st_uid != geteuid() && !(options->flags & BRAIN_OPEN_SHARED)) {
        return bn_error(BRAIN_E_PERM,
                        "%s belongs to user %u: choose another path, or open it as "
                        "shared if you trust them",
                        where, (unsigned)st.st_uid);
    }
    return 0;
}

static bool is_empty(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return n == 0;
}

/* Whether a directory that could not be opened is what somebody left who died while removing a
 * store, or is at it: `data` alone, marked as destroyed, or nothing at all, where the store was to
 * be made (not where some link of the user's leads). Then it is removed, if that is wanted. A
 * successor's is never empty. */
static bool was_remains(int dir_fd, const char *where, bool is_target, bool remove)
{
    uint32_t destroyed = 0;
    bool may_go = true;
    int fd = openat(dir_fd, "data", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        off_t off = (off_t)(BN_STATE_OFF + offsetof(struct bn_state_rec, destroyed));
        char magic[8];
        may_go = pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
                 memcmp(magic, BN_MAGIC, sizeof magic) == 0 &&
                 pread(fd, &destroyed, sizeof destroyed, off) == (ssize_t)sizeof destroyed &&
                 destroyed != 0 && faccessat(dir_fd, "clients", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
                 errno == ENOENT;
        close(fd);
        if (may_go && remove) {
            (void)remove_files(dir_fd);
        }
    } else {
        may_go = is_target && errno == ENOENT; /* an empty directory elsewhere may be anybody's */
        may_go = may_go && (remove || is_empty(dir_fd));
    }
    return may_go && (!remove || rmdir(where) == 0 || errno == ENOENT);
}

/* Whether a directory that is open was removed. */
static bool is_gone(int dir_fd)
{
    struct stat st;
    return fstat(dir_fd, &st) == 0 && st.st_nlink == 0;
}

/* Whether a directory, whose owner is as it should be, could not be opened because its store was
 * removed while we looked, or before. Others may be at it as well: so is it gone, once more. */
static bool was_removed(int dir_fd, const char *where, bool is_target, const brain_options *options)
{
    struct stat st = { .st_uid = (uid_t)-1 };
    bool only_looks = (options->flags & BRAIN_OPEN_READ_ONLY) != 0;
    return is_gone(dir_fd) ||
           (fstat(dir_fd, &st) == 0 && (only_looks || st.st_uid == geteuid()) &&
            was_remains(dir_fd, where, is_target, !only_looks)) ||
           is_gone(dir_fd);
}

/* Open the store in directory `where`. NOT_FOUND where it is gone; one that somebody began to
 * destroy is removed, and NOT_FOUND too; BN_AGAIN where the path is something else by now. */
static int open_at(const char *where, const struct place *place, const brain_options *options,
                   struct brain_store **store_out)
{
    int dir_fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir_fd < 0 && (errno == ENOTDIR || errno == ELOOP) && strcmp(where, place->path) == 0) {
        return BN_AGAIN; /* it was a directory just now */
    }
    if (dir_fd < 0) {
        return errno == ENOENT ? BRAIN_E_NOT_FOUND : refuse_directory(where);
    }
    bool is_target = strcmp(where, place->target) == 0 || find_ending(place, where) != NULL ||
                     (place->in_memory && strcmp(where, place->path) == 0);
    int err = check_owner(dir_fd, where, options);
    struct brain_store *store = NULL;
    if (err == 0) {
        err = bn_store_open(dir_fd, where, place->path, options, &store);
        if (err != 0 && was_removed(dir_fd, where, is_target, options)) {
            err = BRAIN_E_NOT_FOUND;
        }
    }
    close(dir_fd);
    if (err == 0 && bn_load_relaxed(&store->state_view->destroyed) != 0) {
        (void)bn_path_remove(store);
        bn_store_free(store);
        return BRAIN_E_NOT_FOUND;
    }
    if (err == 0) {
        *store_out = store;
    }
    return err;
}

/* A store that was found where a link is to lead: make that. `made`: the store, by us just now;
 * where it cannot be linked it is removed, for nobody would find it. */
static int link_found(const struct place *place, bool made, struct brain_store *store)
{
    int err = make_link(place);
    if (err != 0) {
        if (made) {
            bn_store_release(&store->state->destroyed, 1u);
            (void)bn_path_remove(store);
        }
        bn_store_free(store);
    }
    return err;
}

/* Open what is there; BN_AGAIN: look once more. What we have just made is linked first, whatever
 * else is there by now: or it would be nobody's. */
static int try_open(const struct place *place, const brain_options *options, bool *made,
                    struct brain_store **store_out)
{
    char where[PATH_MAX];
    struct brain_store *store;
    int err = *made && place->linked ? 0 : read_link(place, options, where);
    if (err != 0) {
        return err;
    }
    if (!place->linked || (!*made && where[0] != '\0')) {
        return where[0] == '\0' ? BRAIN_E_NOT_FOUND : open_at(where, place, options, store_out);
    }
    err = open_at(place->target, place, options, &store); /* a lost link? */
    if (err == 0) {
        err = link_found(place, *made, store);
    } else if (*made && err != BRAIN_E_NOT_FOUND && err != BN_AGAIN) {
        (void)make_link(place); /* it is whole, and this process alone cannot open it now */
    }
    if (err == 0) {
        *store_out = store;
    } else {
        *made = false;
    }
    return err;
}

/* Where a store may be, and where it is to be made: the last. The second is that of the options,
 * which is asked for only where there is nothing at the first. */
struct places {
    struct place of[2];
    int n;
};

static int try_open_any(const struct places *places, const brain_options *options, bool *made,
                        struct brain_store **store_out)
{
    int err = BRAIN_E_NOT_FOUND;
    for (int i = *made ? places->n - 1 : 0; i < places->n && err == BRAIN_E_NOT_FOUND; i++) {
        err = try_open(&places->of[i], options, made, store_out);
    }
    return err;
}

/* There is nothing at the path: 0: make it, at the last of the places; BN_AGAIN: or see whether it
 * is at one that was not looked at yet; else an error. */
static int may_make(struct places *places, const brain_options *options)
{
    bool only_open = (options->flags & (BRAIN_OPEN_EXISTING | BRAIN_OPEN_READ_ONLY)) != 0;
    if (options->directory != NULL && places->n == 1) {
        int err = resolve_into(options->directory, &places->of[0], &places->of[1]);
        if (err == 0) {
            places->n = 2;
            return BN_AGAIN;
        }
        if (!only_open) {
            return err;
        }
    }
    return !only_open ? 0
                      : bn_error(BRAIN_E_NOT_FOUND, "there is no store at %s", places->of[0].path);
}

int bn_path_open(const char *path, const brain_options *options, struct brain_store **store_out)
{
    struct places places; /* of several pages: none is touched that is not used */
    bool made = false;
    places.n = 1;
    int err = resolve(path, &places.of[0]);
    if (err != 0) {
        return err;
    }
    for (int i = 0; i < TRIES; i++) {
        err = try_open_any(&places, options, &made, store_out);
        if (err == 0 && (options->flags & BRAIN_OPEN_EXCLUSIVE) && !made) {
            bn_store_free(*store_out);
            return bn_error(BRAIN_E_EXISTS, "there is a store at %s already", places.of[0].path);
        }
        if (err == BN_AGAIN) {
            continue;
        }
        if (err != BRAIN_E_NOT_FOUND) {
            return err == ELSEWHERE ? BRAIN_E_NOT_FOUND : err;
        }
        err = may_make(&places, options);
        if (err == 0) {
            err = make_store(&places.of[places.n - 1], options);
            made = err == 0;
        }
        if (err != 0 && err != BRAIN_E_EXISTS && err != BN_AGAIN) {
            return err;
        }
        if (err == BRAIN_E_EXISTS && i > 10) {
            sched_yield(); /* somebody is at work there */
        }
    }
    return bn_error(BRAIN_E_BUSY, "%s is being made and removed by others all the time",
                    places.of[0].path);
}

/* ---- removing */

/* Whether the directory cannot be had because it is gone, or its successor's by now. */
static bool has_gone(const struct brain_store *store, int err)
{
    struct stat named;
    if (err == BRAIN_E_DESTROYED) {
        return true;
    }
    return lstat(store->map->directory, &named) != 0 ? errno == ENOENT : !S_ISDIR(named.st_mode);
}

int bn_path_may_remove(struct brain_store *store)
{
    struct stat st;
    int dir_fd, err = bn_map_dir_fd(store->map, &dir_fd);
    if (err != 0) {
        return has_gone(store, err) ? 0 : err;
    }
    if (fstat(dir_fd, &st) != 0) {
        return bn_error_os(-errno, "cannot look at %s", store->map->directory);
    }
    if (st.st_uid != geteuid()) {
        return bn_error(BRAIN_E_PERM,
                        "%s may be destroyed by its owner alone, who is user %u; this process is "
                        "user %u",
                        store->path, (unsigned)st.st_uid, (unsigned)geteuid());
    }
    /* EPERM, ENOSYS: a container's filter knows no faccessat2. Then the removal tells. */
    if (faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0 && errno != EPERM && errno != ENOSYS) {
        return bn_error_os(-errno, "%s stays: the files in %s cannot be removed", store->path,
                           store->map->directory);
    }
    return 0;
}

int bn_path_remove(struct brain_store *store)
{
    struct stat ours, named;
    int dir_fd, err = bn_map_dir_fd(store->map, &dir_fd);
    if (err != 0) { /* or it cannot be told */
        return has_gone(store, err) ? 0 : err;
    }
    if (fstat(dir_fd, &ours) != 0) {
        return bn_error_os(-errno, "cannot look at %s", store->map->directory);
    }
    int os = remove_files(dir_fd);
    if (os != 0) {
        return bn_error_os(os, "cannot remove the files in %s; whoever opens %s next does it",
                           store->map->directory, store->path);
    }
    bool is_there = lstat(store->map->directory, &named) == 0;
    if (is_there ? named.st_ino == ours.st_ino && named.st_dev == ours.st_dev &&
                       rmdir(store->map->directory) != 0 && errno != ENOENT && errno != ENOTEMPTY &&
                       errno != ENOTDIR /* or somebody else has, and made something */
                 : is_refusal(errno)) {
        return bn_error_os(-errno, "cannot remove %s", store->map->directory);
    }
    char text[PATH_MAX];
    ssize_t n = readlink(store->path, text, sizeof text - 1);
    if (n > 0) {
        text[n] = '\0';
        if (strcmp(text, store->map->directory) == 0 && lstat(store->map->directory, &named) != 0) {
            (void)unlink(store->path);
        }
    }
    return 0;
}
