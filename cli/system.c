/* system.c - what of the system is in the way of a store: file system, limits of the process and of its cgroup, what
 * logs users out, settings of the kernel's memory, and what is left of other stores. Looks, and changes nothing. */
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "process.h"
#include "text.h"
#include "value.h"

#define MIB            (UINT64_C(1) << 20)
#define TMPFS          0x01021994 /* TMPFS_MAGIC of linux/magic.h */
#define DOCKERS_SHM    (64 * MIB)
#define FDS_MIN        64u
#define HUGE_FROM      (UINT64_C(1) << 30)
#define FIRST_USER_UID 1000u /* systemd: those below are system users, whose objects stay */

static const char *size_text(uint64_t bytes, char buf[32])
{
    return bc_text_size(bytes, buf, 32);
}

/* What may still come: capacity that values do not take yet. */
static uint64_t to_come(const brain_stat *stat)
{
    uint64_t taken = bc_taken_bytes(stat);
    /* Free memory that stays with the store is there already. */
    taken = taken > stat->value_backed_bytes ? taken : stat->value_backed_bytes;
    return stat->capacity_bytes > taken ? stat->capacity_bytes - taken : 0;
}

/* ---- the file system */

static bool is_in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
           getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

static const char *larger_shm(uint64_t total)
{
    return is_in_container() || total == DOCKERS_SHM
               ? "give the container more: docker run --shm-size=2g; in a compose file shm_size: "
                 "2g; in Kubernetes an "
                 "emptyDir with medium: Memory at /dev/shm"
               : "make it larger: mount -o remount,size=SIZE on it, as root; or make the store "
                 "elsewhere (brain create "
                 "--directory)";
}

static void look_at_file_system(struct bc_finds *finds, const char *directory,
                                const brain_stat *stat)
{
    struct statvfs fs;
    struct statfs kind;
    char total[32], left[32], wanted[32];
    if (statvfs(directory, &fs) != 0 || statfs(directory, &kind) != 0) return;
    uint64_t all_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    uint64_t left_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (all_bytes == 0) return; /* without a limit of its own */
    char *evidence = bc_format("%s: %s, %s free", directory, size_text(all_bytes, total),
                               size_text(left_bytes, left));
    if (left_bytes < MIB) {
        bc_find_add(finds, BC_PROBLEM, "file-system-full",
                    bc_strdup("the file system of the store is full"), bc_strdup(evidence),
                    bc_format("remove what is there (du -sh %s/*), or %s", directory,
                              larger_shm(all_bytes)));
    } else if (stat != NULL && left_bytes < to_come(stat)) {
        bc_find_add(finds, BC_WARNING, "file-system-small",
                    bc_format("the file system has not the memory for the capacity of the store: "
                              "%s more may be put",
                              size_text(to_come(stat), wanted)),
                    bc_strdup(evidence),
                    bc_format("a put will say FULL before the capacity is reached: brain resize, "
                              "or %s",
                              larger_shm(all_bytes)));
    } else if (all_bytes == DOCKERS_SHM) {
        bc_find_add(finds, BC_WARNING, "shm-64m",
                    bc_strdup("the file system has 64 MiB, which is what Docker gives where nobody "
                              "says how much"),
                    bc_strdup(evidence), bc_strdup(larger_shm(all_bytes)));
    }
    if (fs.f_files > 0 && fs.f_favail < 8) {
        bc_find_add(finds, BC_WARNING, "no-inodes",
                    bc_strdup(
                        "the file system has no room for more files: no store can be made there"),
                    bc_strdup(evidence),
                    bc_strdup("remove files there, or mount it with more inodes (nr_inodes=)"));
    }
    if ((uint64_t)kind.f_type != TMPFS && stat != NULL) {
        bc_find_add(finds, BC_NOTE, "no-tmpfs",
                    bc_strdup("the store lies on a file system that is not in memory"),
                    bc_format("%s: type %" PRIx64, directory, (uint64_t)kind.f_type),
                    bc_strdup("puts are written to a disk some time: make it under /dev/shm"));
    }
    free(evidence);
}

/* ---- limits of the process: those of this one, which a program of the same shell has as well */

static void look_at_limits(struct bc_finds *finds, const brain_stat *stat)
{
    struct rlimit limit;
    char has[32], wanted[32];
    if (stat != NULL && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 3 < stat->capacity_max_bytes) {
        bc_find_add(finds, BC_WARNING, "address-space",
                    bc_strdup("the address space of processes is limited (ulimit -v)"),
                    bc_format("%s; to open the store for writing takes up to twice what it can "
                              "grow to, %s, and no memory "
                              "for that",
                              size_text(limit.rlim_cur, has),
                              size_text(2 * stat->capacity_max_bytes, wanted)),
                    bc_strdup("ulimit -v unlimited; of a service LimitAS=infinity"));
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FDS_MIN) {
        bc_find_add(finds, BC_WARNING, "descriptors",
                    bc_strdup("processes may have few files open (ulimit -n)"),
                    bc_format("%" PRIu64 "; a store takes 3, and some more for a moment",
                              (uint64_t)limit.rlim_cur),
                    bc_strdup("ulimit -n 1024; of a service LimitNOFILE=1024"));
    }
    if (stat != NULL && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 2 < stat->capacity_bytes) {
        bc_find_add(finds, BC_WARNING, "file-size", bc_strdup("files may not be long (ulimit -f)"),
                    bc_format("%s; the store's file is several times its capacity long, though not "
                              "as much memory",
                              size_text(limit.rlim_cur, has)),
                    bc_strdup("ulimit -f unlimited; of a service LimitFSIZE=infinity"));
    }
    /* Locked memory (ulimit -l): none is used. */
}

/* ---- cgroups */

/* A number that a file has; UINT64_MAX: "max", none, or there is no such file. */
static uint64_t number_in(const char *folder, const char *name)
{
    char *path = bc_format("%s/%s", folder, name), *text = bc_read_file(path, NULL), *end;
    uint64_t number = UINT64_MAX;
    if (text != NULL && text[0] >= '0' && text[0] <= '9') {
        errno = 0;
        number = strtoull(text, &end, 10);
        if (errno != 0) number = UINT64_MAX;
    }
    free(path);
    free(text);
    return number;
}

static void look_at_cgroup(struct bc_finds *finds, const brain_stat *stat, const char *folder,
                           const char *limit_name, const char *usage_name)
{
    uint64_t limit = number_in(folder, limit_name), usage = number_in(folder, usage_name);
    char has[32], uses[32], wanted[32];
    if (limit == UINT64_MAX || limit >= UINT64_C(1) << 60)
        return; /* v1 says "none" by a large number */
    uint64_t left = usage < limit ? limit - usage : 0;
    uint64_t more = stat != NULL ? to_come(stat) : 0;
    if (stat == NULL || (limit >= stat->capacity_bytes && left >= more)) return;
    bc_find_add(finds, limit < stat->capacity_bytes ? BC_PROBLEM : BC_WARNING, "memory-cgroup",
                bc_format("the memory limit of the cgroup is %s what may be put",
                          limit < stat->capacity_bytes ? "below" : "too near to"),
                bc_format("%s/%s: %s, used %s; capacity %s, to come %s", folder, limit_name,
                          size_text(limit, has), usage != UINT64_MAX ? size_text(usage, uses) : "?",
                          size_text(stat->capacity_bytes, wanted),
                          size_text(more, (char[32]){ 0 })),
                bc_strdup("memory of the store is charged to whoever first wrote it, and beyond "
                          "the limit the kernel kills: "
                          "brain resize, or a larger limit (docker run --memory, MemoryMax=)"));
}

/* Of the folder of a cgroup and those above it, the first that says something. `mount` is the root of them. */
static void look_at_cgroups_from(struct bc_finds *finds, const brain_stat *stat, const char *mount,
                                 const char *own, const char *limit_name, const char *usage_name)
{
    char *folder = bc_format("%s%s", mount, strcmp(own, "/") == 0 ? "" : own);
    size_t n_before = finds->n, root_len = strlen(mount);
    for (;;) {
        look_at_cgroup(finds, stat, folder, limit_name, usage_name);
        char *slash = strrchr(folder, '/');
        if (finds->n > n_before || strlen(folder) <= root_len || slash == NULL) break;
        *slash = '\0';
    }
    free(folder);
}

static void look_at_cgroups(struct bc_finds *finds, const brain_stat *stat)
{
    char *text = bc_read_file("/proc/self/cgroup", NULL), *rest = text;
    for (char *line; text != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        char *controllers = strchr(line, ':');
        char *own = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (own == NULL) continue;
        *own++ = '\0';
        if (strcmp(line, "0:") == 0) {
            look_at_cgroups_from(finds, stat, "/sys/fs/cgroup", own, "memory.max",
                                 "memory.current");
        } else if (strstr(controllers, "memory") != NULL) {
            look_at_cgroups_from(finds, stat, "/sys/fs/cgroup/memory", own, "memory.limit_in_bytes",
                                 "memory.usage_in_bytes");
        }
    }
    free(text);
}

/* ---- logind */

/* What the files of a folder, or one file, say of RemoveIPC: 1, 0; -1: nothing. The last line counts. */
static int remove_ipc_in_file(const char *path)
{
    char *text = bc_read_file(path, NULL), *rest = text;
    int says = -1;
    for (char *line; text != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        line += strspn(line, " \t");
        if (strncmp(line, "RemoveIPC", 9) != 0) continue;
        line += 9 + strspn(line + 9, " \t");
        if (*line != '=') continue;
        line += 1 + strspn(line + 1, " \t");
        says = strchr("yYtT1", line[0]) != NULL || strncasecmp(line, "on", 2) == 0;
    }
    free(text);
    return says;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Drop-ins of one folder, in the order of their names. */
static int remove_ipc_in_folder(const char *folder, int says)
{
    DIR *dir = opendir(folder);
    char **names = NULL;
    size_t n = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 5, ".conf") != 0) continue;
        names = bc_realloc(names, (n + 1) * sizeof *names);
        names[n++] = bc_format("%s/%s", folder, entry->d_name);
    }
    if (dir != NULL) closedir(dir);
    if (n > 0) qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++) {
        int its = remove_ipc_in_file(names[i]);
        says = its >= 0 ? its : says;
        free(names[i]);
    }
    free(names);
    return says;
}

/* systemd-logind removes what users have under /dev/shm, directories too, when the last session of one ends: of those
 * with ids from 1000 on, that do not linger. It does so unless told otherwise (logind.conf(5)). */
static void look_at_logind(struct bc_finds *finds, const char *directory)
{
    struct stat status;
    if (strncmp(directory, "/dev/shm/", 9) != 0 || access("/run/systemd/system", F_OK) != 0 ||
        stat(directory, &status) != 0 || status.st_uid < FIRST_USER_UID) {
        return;
    }
    static const char *const files[] = { "/usr/lib/systemd/logind.conf", "/run/systemd/logind.conf",
                                         "/etc/systemd/logind.conf" };
    static const char *const folders[] = { "/usr/lib/systemd/logind.conf.d",
                                           "/run/systemd/logind.conf.d",
                                           "/etc/systemd/logind.conf.d" };
    int says = -1;
    for (size_t i = 0; i < 3; i++) {
        int its = remove_ipc_in_file(files[i]);
        says = its >= 0 ? its : says;
    }
    for (size_t i = 0; i < 3; i++) {
        says = remove_ipc_in_folder(folders[i], says);
    }
    const struct passwd *user = getpwuid(status.st_uid);
    char *lingers = bc_format("/var/lib/systemd/linger/%s", user != NULL ? user->pw_name : "?");
    if (says != 0 && access(lingers, F_OK) != 0) {
        bc_find_add(finds, BC_WARNING, "remove-ipc",
                    bc_strdup("the store is removed when the last session of its user ends"),
                    bc_format("systemd-logind has RemoveIPC=%s, and the store belongs to %s, under "
                              "/dev/shm",
                              says < 0 ? "yes (its default)" : "yes",
                              user != NULL ? user->pw_name : "an ordinary user"),
                    bc_format("RemoveIPC=no in /etc/systemd/logind.conf.d/brain.conf; or loginctl "
                              "enable-linger %s",
                              user != NULL ? user->pw_name : "USER"));
    }
    free(lingers);
}

/* ---- the kernel's memory */

static uint64_t meminfo(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line != NULL ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void look_at_memory(struct bc_finds *finds, const brain_stat *stat)
{
    char *mode = bc_read_file("/proc/sys/vm/overcommit_memory", NULL);
    char *info = bc_read_file("/proc/meminfo", NULL);
    char a[32], b[32];
    if (stat != NULL && info != NULL) {
        uint64_t available = meminfo(info, "MemAvailable:");
        uint64_t limit = meminfo(info, "CommitLimit:"), used = meminfo(info, "Committed_AS:");
        if (mode != NULL && mode[0] == '2' && limit < used + to_come(stat)) {
            bc_find_add(
                finds, BC_WARNING, "overcommit",
                bc_strdup(
                    "the kernel does not overcommit, and has promised nearly all that it has"),
                bc_format("vm.overcommit_memory is 2, CommitLimit %s, Committed_AS %s",
                          size_text(limit, a), size_text(used, b)),
                bc_strdup(
                    "memory of the store counts: brain resize, or raise vm.overcommit_ratio"));
        }
        if (available != 0 && available < to_come(stat)) {
            bc_find_add(finds, BC_WARNING, "memory",
                        bc_strdup("the machine has not the memory that may still be put"),
                        bc_format("available %s, to come %s", size_text(available, a),
                                  size_text(to_come(stat), b)),
                        bc_strdup("beyond it the kernel swaps, or kills: brain resize"));
        }
    }
    free(mode);
    free(info);
}

static void look_at_huge_pages(struct bc_finds *finds, const char *directory,
                               const brain_stat *stat)
{
    char *mounts = bc_read_file("/proc/self/mountinfo", NULL);
    char *setting = bc_read_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", NULL);
    bool has = mounts != NULL && strstr(mounts, "huge=") != NULL;
    has |= setting != NULL &&
           (strstr(setting, "[always]") != NULL || strstr(setting, "[within_size]") != NULL ||
            strstr(setting, "[force]") != NULL);
    if (stat != NULL && stat->capacity_bytes >= HUGE_FROM && !has) {
        bc_find_add(finds, BC_NOTE, "huge-pages",
                    bc_strdup("large values would be faster with huge pages"),
                    bc_format("the file system of %s gives none", directory),
                    bc_strdup("mount -t tmpfs -o huge=within_size,size=SIZE tmpfs DIRECTORY, and "
                              "brain create --directory "
                              "DIRECTORY"));
    }
    free(mounts);
    free(setting);
}

/* ---- what is left of other stores */

/* Whether a folder has nothing but what a store consists of: else it may be where somebody has stores, or anything. */
static bool is_of_a_store(const char *path)
{
    DIR *dir = opendir(path);
    bool is = dir != NULL;
    for (struct dirent *entry; is && (entry = readdir(dir)) != NULL;) {
        static const char *const names[] = { ".", "..", "data", "clients" };
        is = false;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            is |= strcmp(entry->d_name, names[i]) == 0;
        }
    }
    if (dir != NULL) closedir(dir);
    return is;
}

static void look_at_leftover(struct bc_finds *finds, const char *folder, const char *name)
{
    struct stat status, file;
    char size[32];
    char *path = bc_format("%s/%s", folder, name);
    char *data = bc_format("%s/data", path), *clients = bc_format("%s/clients", path);
    bool is_new = strncmp(name, ".brain-new-", 11) == 0;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
        is_of_a_store(path)) {
        bool has_data = stat(data, &file) == 0;
        uint64_t bytes = has_data ? (uint64_t)file.st_blocks * 512 : 0;
        if (!has_data || access(clients, F_OK) != 0) {
            bc_find_add(finds, BC_WARNING, "half-a-store",
                        bc_strdup("a store that is half removed, or half made"),
                        bc_format("%s has no %s", path, has_data ? "clients" : "data"),
                        bc_format("nobody can use it: rm -r %s", path));
        } else if (is_new) {
            bc_find_add(finds, BC_NOTE, "being-made",
                        bc_strdup("a store is being made, or its maker died"),
                        bc_format("%s: %s", path, size_text(bytes, size)),
                        bc_strdup(
                            "the next store that is made here removes it, if its maker died"));
        }
    }
    free(path);
    free(data);
    free(clients);
}

/* Whether the library gives such names: brain-UID-HASH-..., of 16 hexadecimal digits, or .brain-new-... Others that begin
 * like them are somebody's own, and not to be spoken of: what is said of a leftover is to remove it. */
static bool is_name_of_store(const char *name)
{
    if (strncmp(name, ".brain-new-", 11) == 0) return true;
    if (strncmp(name, "brain-", 6) != 0) return false;
    const char *user = name + 6, *hash = user + strspn(user, "0123456789") + 1;
    if (hash == user + 1 || hash[-1] != '-') return false;
    return strspn(hash, "0123456789abcdef") == 16 && hash[16] == '-';
}

static void look_for_leftovers(struct bc_finds *finds, const char *directory)
{
    char *folder = bc_strdup(directory), *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) *slash = '\0';
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char *whole = bc_format("%s/%s", folder, entry->d_name);
        bool is_other = strncmp(entry->d_name, ".brain-new-", 11) == 0 ||
                        strncmp(entry->d_name, "brain-", 6) == 0;
        if (is_other && strcmp(whole, directory) != 0) {
            if (is_name_of_store(entry->d_name)) look_at_leftover(finds, folder, entry->d_name);
        }
        free(whole);
    }
    if (dir != NULL) closedir(dir);
    free(folder);
}

void bc_system_look(struct bc_finds *finds, const char *directory, const brain_stat *stat)
{
    look_at_file_system(finds, directory, stat);
    look_at_limits(finds, stat);
    look_at_cgroups(finds, stat);
    look_at_logind(finds, directory);
    look_at_memory(finds, stat);
    look_at_huge_pages(finds, directory, stat);
    if (stat != NULL) look_for_leftovers(finds, directory);
}
