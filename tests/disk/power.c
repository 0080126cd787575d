/* power.c - a recording of what a child does to files, by ptrace(), and what a loss of power leaves of it. */
#include "power.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include "../unit/check.h"
#include "calls.h"

#define SECTOR  512u
#define N_FILES 4096

enum kind {
    MAKE_FILE,
    MAKE_DIR,
    NAME,
    UNNAME,
    WRITE,
    LENGTH,
    SYNC,
    SYNC_DIR,
    MARK
};

/* One change. A file is a number, whatever its names; so is a directory. */
struct change {
    enum kind kind;
    int file;      /* WRITE, LENGTH, SYNC; of NAME what gets the name; of SYNC_DIR the directory */
    int dir;       /* NAME, UNNAME */
    char name[64]; /* NAME, UNNAME */
    uint64_t offset; /* WRITE; of LENGTH the length; of MARK the number */
    uint8_t *bytes;
    size_t size;
};

struct power_log {
    char folder[200];
    struct change *changes;
    size_t n, room;
    int n_files;
    /* What is where, while it is recorded: the path of each file or directory; "" where it has none. */
    char (*paths)[200];
    bool is_dir[N_FILES];
};

/* ---- recording */

static struct change *add(struct power_log *log, enum kind kind)
{
    if (log->n == log->room) {
        log->room = 2 * log->room + 64;
        log->changes = realloc(log->changes, log->room * sizeof *log->changes);
        CHECK(log->changes != NULL);
    }
    struct change *change = &log->changes[log->n++];
    *change = (struct change){ .kind = kind };
    return change;
}

/* The file at a path below the folder; -1: none that was recorded. */
static int find(const struct power_log *log, const char *path)
{
    for (int i = log->n_files - 1; i >= 0; i--) {
        if (strcmp(log->paths[i], path) == 0) {
            return i;
        }
    }
    return -1;
}

/* Split a path into its directory's number and its name. False: it is not below the folder. */
static bool split(const struct power_log *log, const char *path, int *dir_out, char name_out[64])
{
    char dir[200];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || strncmp(path, log->folder, strlen(log->folder)) != 0) {
        return false;
    }
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    snprintf(name_out, 64, "%.63s", slash + 1);
    *dir_out = find(log, dir);
    return *dir_out >= 0;
}

static int new_file(struct power_log *log, const char *path, bool is_dir)
{
    CHECK(log->n_files < N_FILES);
    int file = log->n_files++;
    snprintf(log->paths[file], 200, "%.199s", path);
    log->is_dir[file] = is_dir;
    add(log, is_dir ? MAKE_DIR : MAKE_FILE)->file = file;
    return file;
}

static void give_name(struct power_log *log, int file, const char *path)
{
    int dir;
    char name[64];
    if (file >= 0 && split(log, path, &dir, name)) {
        struct change *change = add(log, NAME);
        change->file = file;
        change->dir = dir;
        memcpy(change->name, name, sizeof name);
        int was = find(log, path);
        if (was >= 0 && was != file) {
            log->paths[was][0] = '\0';
        }
        snprintf(log->paths[file], 200, "%.199s", path);
    }
}

static void take_name(struct power_log *log, const char *path)
{
    int dir, file = find(log, path);
    char name[64];
    if (file >= 0 && split(log, path, &dir, name)) {
        struct change *change = add(log, UNNAME);
        change->dir = dir;
        memcpy(change->name, name, sizeof name);
        log->paths[file][0] = '\0';
    }
}

/* ---- what a call means */

struct call {
    long nr;
    unsigned long arguments[6];
    char path[2][400];
    uint8_t *bytes;
    size_t size;
    uint64_t offset;
    bool was_there;
};

static void path_of_fd(pid_t pid, int fd, char out[400])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
    ssize_t n = readlink(link, out, 399);
    out[n > 0 ? n : 0] = '\0';
}

static void read_path(pid_t pid, int dir_fd, unsigned long from, char out[400])
{
    char path[300], dir[400] = "";
    size_t i = 0;
    for (; i < sizeof path - 1; i++) { /* it may end before a page does */
        calls_copy(pid, from + i, &path[i], 1);
        if (path[i] == '\0') {
            break;
        }
    }
    path[i] = '\0';
    if (path[0] == '/') {
        snprintf(out, 400, "%s", path);
        return;
    }
    path_of_fd(pid, dir_fd, dir);
    snprintf(out, 400, "%.90s/%.300s", dir, path);
}

static void read_bytes(pid_t pid, struct call *call, unsigned long from, size_t size)
{
    call->bytes = realloc(call->bytes, call->size + size + 1);
    CHECK(call->bytes != NULL);
    calls_copy(pid, from, call->bytes + call->size, size);
    call->size += size;
}

static uint64_t position_of(pid_t pid, int fd)
{
    char path[64], line[200];
    unsigned long long position = 0;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)pid, fd);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "pos: %llu", &position) != 1) {
    }
    fclose(file);
    return position;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Before the call: what it is about to do. */
static void look(pid_t pid, struct call *call)
{
    int fd = (int)call->arguments[0];
    switch (call->nr) {
    case SYS_openat:
        read_path(pid, fd, call->arguments[1], call->path[0]);
        call->was_there = exists(call->path[0]);
        break;
    case SYS_mkdir:
        read_path(pid, AT_FDCWD, call->arguments[0], call->path[0]);
        break;
    case SYS_mkdirat:
    case SYS_unlinkat:
        read_path(pid, fd, call->arguments[1], call->path[0]);
        break;
    case SYS_unlink:
        read_path(pid, AT_FDCWD, call->arguments[0], call->path[0]);
        break;
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
        read_path(pid, fd, call->arguments[1], call->path[0]);
        read_path(pid, (int)call->arguments[2], call->arguments[3], call->path[1]);
        break;
    case SYS_write:
    case SYS_pwrite64:
        path_of_fd(pid, fd, call->path[0]);
        read_bytes(pid, call, call->arguments[1], call->arguments[2]);
        call->offset = call->nr == SYS_write ? position_of(pid, fd) : call->arguments[3];
        break;
    case SYS_writev:
        path_of_fd(pid, fd, call->path[0]);
        for (unsigned long i = 0; i < call->arguments[2]; i++) {
            struct iovec part;
            calls_copy(pid, call->arguments[1] + i * sizeof part, &part, sizeof part);
            read_bytes(pid, call, (unsigned long)part.iov_base, part.iov_len);
        }
        call->offset = position_of(pid, fd);
        break;
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_fsync:
    case SYS_fdatasync:
        path_of_fd(pid, fd, call->path[0]);
        break;
    default:
        break;
    }
}

static void note_write(struct power_log *log, struct call *call, long result)
{
    int file = find(log, call->path[0]);
    if (strcmp(call->path[0], "/dev/null") == 0) {
        CHECK(call->size == sizeof(int));
        int number;
        memcpy(&number, call->bytes, sizeof number);
        add(log, MARK)->offset = (uint64_t)number;
    } else if (file >= 0) {
        struct change *change = add(log, WRITE);
        change->file = file;
        change->offset = call->offset;
        change->bytes = call->bytes;
        change->size = (size_t)result;
        call->bytes = NULL;
    }
}

static void note_open(struct power_log *log, pid_t pid, const struct call *call, long fd)
{
    int flags = (int)call->arguments[2], dir;
    char path[400], name[64];
    path_of_fd(pid, (int)fd, path);
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        if (strncmp(path, log->folder, strlen(log->folder)) == 0) {
            (void)new_file(log, path, false); /* by the name that /proc has for it */
        }
    } else if ((flags & O_CREAT) && !call->was_there && split(log, path, &dir, name)) {
        int file = new_file(log, "", false);
        give_name(log, file, path);
    } else if (flags & O_TRUNC) {
        int file = find(log, path);
        if (file >= 0) {
            struct change *change = add(log, LENGTH);
            change->file = file;
        }
    }
}

/* After it, where it did. */
static void note(struct power_log *log, pid_t pid, struct call *call, long result)
{
    int file = find(log, call->path[0]);
    switch (call->nr) {
    case SYS_openat:
        note_open(log, pid, call, result);
        break;
    case SYS_mkdir:
    case SYS_mkdirat:
        file = new_file(log, "", true);
        give_name(log, file, call->path[0]);
        break;
    case SYS_unlink:
    case SYS_unlinkat:
        take_name(log, call->path[0]);
        break;
    case SYS_linkat: { /* of /proc/self/fd/N */
        char path[400];
        path_of_fd(pid, atoi(strrchr(call->path[0], '/') + 1), path);
        CHECK(strncmp(call->path[0], "/proc/self/fd/", 14) == 0);
        give_name(log, log->n_files - 1, call->path[1]);
        break;
    }
    case SYS_renameat:
    case SYS_renameat2:
        take_name(log, call->path[0]);
        give_name(log, file, call->path[1]);
        break;
    case SYS_write:
    case SYS_pwrite64:
    case SYS_writev:
        note_write(log, call, result);
        break;
    case SYS_ftruncate:
        if (file >= 0) {
            struct change *change = add(log, LENGTH);
            change->file = file;
            change->offset = call->arguments[1];
        }
        break;
    case SYS_fallocate:
        CHECK(file < 0); /* none that SQLite or we make on a disk */
        break;
    case SYS_fsync:
    case SYS_fdatasync:
        if (file >= 0) {
            add(log, log->is_dir[file] ? SYNC_DIR : SYNC)->file = file;
        }
        break;
    default:
        break;
    }
}

struct power_log *power_record(const char *folder, void (*work)(brain_store *), const char *path)
{
    struct power_log *log = calloc(1, sizeof *log);
    CHECK(log != NULL);
    log->paths = calloc(N_FILES, sizeof *log->paths);
    CHECK(log->paths != NULL);
    snprintf(log->folder, sizeof log->folder, "%s", folder);
    snprintf(log->paths[0], 200, "%s", folder);
    log->is_dir[0] = true;
    log->n_files = 1;
    pid_t pid = calls_begin(work, path);
    struct call call = { .nr = 0 };
    for (long nr; (nr = calls_next(pid)) != CALLS_END;) {
        if (nr != CALLS_RETURNED) {
            free(call.bytes);
            call = (struct call){ .nr = nr };
            for (int i = 0; i < 6; i++) {
                call.arguments[i] = calls_argument(pid, i);
            }
            look(pid, &call);
        } else if (calls_result(pid) >= 0) {
            note(log, pid, &call, calls_result(pid));
        }
    }
    free(call.bytes);
    return log;
}

void power_free(struct power_log *log)
{
    for (size_t i = 0; i < log->n; i++) {
        free(log->changes[i].bytes);
    }
    free(log->changes);
    free(log->paths);
    free(log);
}

void power_mark(int number)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CHECK_SYS(fd);
    CHECK(write(fd, &number, sizeof number) == (ssize_t)sizeof number);
    CHECK_SYS(close(fd));
}

size_t power_count(const struct power_log *log)
{
    return log->n;
}

int power_marked(const struct power_log *log, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        if (log->changes[i].kind == MARK) {
            return (int)log->changes[i].offset;
        }
    }
    return -1;
}

/* ---- a cut */

struct disk {
    uint8_t *bytes[N_FILES];
    size_t size[N_FILES];
};

static void set_length(struct disk *disk, int file, size_t size)
{
    if (size > disk->size[file]) {
        disk->bytes[file] = realloc(disk->bytes[file], size);
        CHECK(disk->bytes[file] != NULL);
        memset(disk->bytes[file] + disk->size[file], 0, size - disk->size[file]);
    }
    disk->size[file] = size;
}

/* Whether a change of a file that comes before change `n` is on the disk for certain. */
static bool is_synced(const struct power_log *log, size_t i, size_t n)
{
    for (size_t j = i + 1; j < n; j++) {
        if (log->changes[j].kind == SYNC && log->changes[j].file == log->changes[i].file) {
            return true;
        }
    }
    return false;
}

static void apply_write(struct disk *disk, const struct change *change, bool is_certain)
{
    for (size_t at = 0; at < change->size;) {
        size_t step = SECTOR - (change->offset + at) % SECTOR;
        step = step < change->size - at ? step : change->size - at;
        if (is_certain || check_below(2) == 0) {
            size_t end = (size_t)change->offset + at + step;
            if (end > disk->size[change->file]) {
                set_length(disk, change->file, end);
            }
            memcpy(disk->bytes[change->file] + change->offset + at, change->bytes + at, step);
        }
        at += step;
    }
}

/* How many of the changes of each directory are there. */
static void choose_names(const struct power_log *log, size_t n, bool all, size_t *n_there)
{
    for (int dir = 0; dir < log->n_files; dir++) {
        size_t n_all = 0, n_certain = 0;
        for (size_t i = 0; i < n; i++) {
            const struct change *change = &log->changes[i];
            if ((change->kind == NAME || change->kind == UNNAME) && change->dir == dir) {
                n_all++;
            } else if (change->kind == SYNC_DIR && change->file == dir) {
                n_certain = n_all;
            }
        }
        n_there[dir] = all ? n_all : n_certain + check_below(n_all - n_certain + 1);
    }
}

struct entry {
    int dir, file;
    char name[64];
};

static void put_entries(const struct power_log *log, const struct disk *disk,
                        const struct entry *entries, int n_entries, int dir, const char *folder)
{
    for (int i = 0; i < n_entries; i++) {
        char *path;
        if (entries[i].dir != dir || entries[i].file < 0) {
            continue;
        }
        int file = entries[i].file;
        CHECK(asprintf(&path, "%s/%s", folder, entries[i].name) > 0);
        if (log->is_dir[file]) {
            CHECK_SYS(mkdir(path, 0700));
            put_entries(log, disk, entries, n_entries, file, path);
        } else {
            int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            CHECK_SYS(fd);
            CHECK(write(fd, disk->bytes[file], disk->size[file]) == (ssize_t)disk->size[file]);
            CHECK_SYS(close(fd));
        }
        free(path);
    }
}

static void change_entries(const struct change *change, struct entry *entries, int *n_entries)
{
    for (int i = 0; i < *n_entries; i++) {
        if (entries[i].dir == change->dir && strcmp(entries[i].name, change->name) == 0) {
            entries[i].file = -1;
        }
    }
    if (change->kind == NAME) {
        CHECK(*n_entries < 2 * N_FILES);
        struct entry *entry = &entries[(*n_entries)++];
        entry->dir = change->dir;
        entry->file = change->file;
        memcpy(entry->name, change->name, sizeof entry->name);
    }
}

void power_cut(const struct power_log *log, size_t n, bool all, const char *folder)
{
    struct disk *disk = calloc(1, sizeof *disk);
    size_t *n_there = calloc(N_FILES, sizeof *n_there);
    struct entry *entries = calloc(2 * N_FILES, sizeof *entries);
    int n_entries = 0;
    CHECK(disk != NULL && n_there != NULL && entries != NULL);
    choose_names(log, n, all, n_there);
    for (size_t i = 0; i < n; i++) {
        const struct change *change = &log->changes[i];
        bool is_certain = all || is_synced(log, i, n);
        if (change->kind == WRITE) {
            apply_write(disk, change, is_certain);
        } else if (change->kind == LENGTH && (is_certain || check_below(2) == 0)) {
            set_length(disk, change->file, (size_t)change->offset);
        } else if ((change->kind == NAME || change->kind == UNNAME) && n_there[change->dir] > 0) {
            n_there[change->dir]--;
            change_entries(change, entries, &n_entries);
        }
    }
    put_entries(log, disk, entries, n_entries, 0, folder);
    for (int i = 0; i < N_FILES; i++) {
        free(disk->bytes[i]);
    }
    free(disk);
    free(n_there);
    free(entries);
}
