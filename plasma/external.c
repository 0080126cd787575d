/* external.c - the external store: files of objects that were evicted (plasma_store -e).
 *
 * Owns:    DIRECTORY/STORE-ID and what is in it.
 * Promise: a file under its name is whole. It is named by the id and the version of its object, which no other ever
 *          has; so who removes one, because nothing leads to it any more, never removes another's.
 * Crash:   a file that is being written has a name of its own, and goes with the next sweep once its object is another;
 *          so does one that was written and that nothing leads to. Files are not synced: the store is gone after a
 *          reboot, too.
 */
#include "external.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME     "external"
#define NAME_LEN 8u
#define MAGIC    "plasmaX1"

/* What a file begins with; metadata and data follow. */
struct head {
    char magic[8];
    uint8_t store_id[BRAIN_STORE_ID_BYTES];
    uint8_t id[BRAIN_ID_BYTES];
    uint32_t kind;
    uint64_t version;
    uint64_t size_bytes;
    uint32_t meta_len;
    uint32_t zero;
    uint64_t sum;      /* of the data */
    uint64_t head_sum; /* of all before it, and of the metadata */
};
_Static_assert(sizeof(struct head) == 88, "the head of a file");

/* ---- what went wrong */

static _Thread_local char detail[PL_EXTERNAL_PATH_MAX + 400];

const char *pl_external_detail(void)
{
    return detail;
}

void pl_external_forget(void)
{
    detail[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static int fail(int error, const char *format, ...)
{
    char text[96] = "";
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (error != 0 && n > 0 && (size_t)n < sizeof detail) {
        snprintf(detail + n, sizeof detail - (size_t)n, ": %s",
                 strerror_r(error, text, sizeof text));
    }
    return PL_E_EXTERNAL;
}

/* ---- names */

static void write_hex(char *to, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static void set_folder(const struct pl_store *objects, const char *directory, size_t len,
                       struct pl_external *out)
{
    uint8_t id[BRAIN_STORE_ID_BYTES];
    char hex[2 * sizeof id + 1];
    brain_store_id(objects->store, id);
    write_hex(hex, id, sizeof id);
    snprintf(out->folder, sizeof out->folder, "%.*s/%s", (int)len, directory, hex);
    out->is_there = true;
}

#define FILE_NAME_BYTES (2 * BRAIN_ID_BYTES + 18u)

static void name_file(const uint8_t *id, uint64_t version, char *to)
{
    write_hex(to, id, BRAIN_ID_BYTES);
    snprintf(to + 2 * (size_t)BRAIN_ID_BYTES, 18, "-%016llx", (unsigned long long)version);
}

static void path_of(const struct pl_external *external, const uint8_t *id, uint64_t version,
                    char *to, size_t room)
{
    char name[FILE_NAME_BYTES];
    name_file(id, version, name);
    snprintf(to, room, "%s/%s", external->folder, name);
}

static bool read_hex(const char *text, size_t n, uint8_t *to)
{
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        char pair[3] = { text[2 * i], '\0', '\0' };
        pair[1] = pair[0] != '\0' ? text[2 * i + 1] : '\0';
        if (strspn(pair, "0123456789abcdef") != 2 || sscanf(pair, "%2x", &byte) != 1) return false;
        to[i] = (uint8_t)byte;
    }
    return true;
}

/* Id and version in a file's name, of one that is being written, too. */
static bool parse_name(const char *name, uint8_t *id, uint64_t *version_out)
{
    uint8_t version[8];
    name += name[0] == '.';
    if (!read_hex(name, BRAIN_ID_BYTES, id) || name[2 * BRAIN_ID_BYTES] != '-' ||
        !read_hex(name + 2 * BRAIN_ID_BYTES + 1, sizeof version, version)) {
        return false;
    }
    *version_out = 0;
    for (size_t i = 0; i < sizeof version; i++)
        *version_out = *version_out << 8 | version[i];
    return true;
}

/* ---- where it is */

int pl_external_find(const struct pl_store *objects, struct pl_external *out)
{
    brain_view view;
    *out = (struct pl_external){ .is_there = false };
    int code = brain_get(objects->control, NAME, NAME_LEN, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (view.meta_len > 0 && view.meta_len <= PL_EXTERNAL_PATH_MAX) {
        set_folder(objects, view.meta, view.meta_len, out);
    }
    brain_view_drop(&view);
    return 0;
}

/* One that somebody else has made there could give objects, and pickles, of his own. */
static int make_folder(const struct pl_external *external)
{
    struct stat st;
    if (mkdir(external->folder, 0700) == 0) return 0;
    if (errno != EEXIST || lstat(external->folder, &st) != 0) {
        return fail(errno, "the external store: cannot make the folder %s", external->folder);
    }
    if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0) return 0;
    return fail(0, "the external store: %s is no folder of this user's alone", external->folder);
}

int pl_external_give(const struct pl_store *objects, const char *path, struct pl_external *out)
{
    struct pl_external wanted;
    set_folder(objects, path, strlen(path), &wanted);
    const brain_value value = {
        .kind = BRAIN_KIND_RAW, .meta = path, .meta_len = strlen(path), .description = ""
    };
    int code = make_folder(&wanted);
    if (code == 0) code = brain_put(objects->control, NAME, NAME_LEN, &value, 0, NULL);
    if (code == BRAIN_E_EXISTS) {
        code = pl_external_find(objects, out);
        if (code != 0) return code;
        return strcmp(out->folder, wanted.folder) == 0 ? 0 : BRAIN_E_EXISTS;
    }
    if (code == 0) *out = wanted;
    return code;
}

/* ---- sums */

/* Of bytes that nobody means to forge: for those that a disk has changed, or a tool has cut. */
static uint64_t add_to_sum(uint64_t sum, const void *bytes, uint64_t n)
{
    const uint8_t *at = bytes;
    for (; n >= 8; n -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    for (; n > 0; n--, at++)
        sum = (sum ^ *at) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t sum_of_head(const struct head *head, const void *meta)
{
    return add_to_sum(add_to_sum(1, head, offsetof(struct head, head_sum)), meta, head->meta_len);
}

/* ---- writing */

static int write_all(int fd, const void *bytes, uint64_t n)
{
    const uint8_t *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n < (UINT64_C(1) << 30) ? (size_t)n : (size_t)1 << 30);
        if (done < 0 && errno != EINTR) return errno;
        at += done > 0 ? done : 0;
        n -= done > 0 ? (uint64_t)done : 0;
    }
    return 0;
}

/* Room for it is taken first: a disk that is full is known before the data are on their way. */
static int write_file(int fd, const struct head *head, const brain_view *view)
{
    off_t all = (off_t)(sizeof *head + head->meta_len + head->size_bytes);
    int error;
    do {
        error = posix_fallocate(fd, 0, all);
    } while (error == EINTR);
    if (error == EOPNOTSUPP || error == EINVAL) error = 0;
    if (error == 0) error = write_all(fd, head, sizeof *head);
    if (error == 0) error = write_all(fd, view->meta, head->meta_len);
    return error != 0 ? error : write_all(fd, view->data, head->size_bytes);
}

static void fill_head(const struct pl_store *objects, const brain_view *view, struct head *head)
{
    memset(head, 0, sizeof *head);
    memcpy(head->magic, MAGIC, sizeof head->magic);
    brain_store_id(objects->store, head->store_id);
    memcpy(head->id, view->name, BRAIN_ID_BYTES);
    head->kind = view->kind;
    head->version = view->version;
    head->size_bytes = view->size_bytes;
    head->meta_len = view->meta_len;
    head->sum = add_to_sum(1, view->data, view->size_bytes);
}

int pl_external_write(const struct pl_external *external, const struct pl_store *objects,
                      const brain_view *view)
{
    static _Atomic uint64_t count;
    char path[sizeof external->folder + 80], being[sizeof path + 64], name[FILE_NAME_BYTES];
    uint8_t meta[65536];
    struct head head;
    brain_view still = *view; /* its note may change meanwhile, which is part of its metadata */
    memcpy(meta, view->meta, view->meta_len);
    memset(meta + view->meta_len - BRAIN_NOTE_BYTES, 0, BRAIN_NOTE_BYTES);
    still.meta = meta;
    fill_head(objects, &still, &head);
    head.head_sum = sum_of_head(&head, meta);
    name_file(view->name, view->version, name);
    snprintf(path, sizeof path, "%s/%s", external->folder, name);
    snprintf(being, sizeof being, "%s/.%s.%d.%llu", external->folder, name, (int)getpid(),
             (unsigned long long)atomic_fetch_add(&count, 1));
    int fd = open(being, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && make_folder(external) == 0) {
        fd = open(being, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) return fail(errno, "the external store: cannot make %s", being);
    int error = write_file(fd, &head, &still);
    if (close(fd) != 0 && error == 0) error = errno;
    if (error == 0 && rename(being, path) != 0) error = errno;
    if (error == 0) return 0;
    (void)unlink(being);
    return fail(error, "the external store: cannot write the %llu bytes of an object to %s",
                (unsigned long long)view->size_bytes, external->folder);
}

void pl_external_remove(const struct pl_external *external, const uint8_t *id, uint64_t version)
{
    char path[sizeof external->folder + 80];
    path_of(external, id, version, path, sizeof path);
    (void)unlink(path); /* what stays goes with a sweep */
}

/* ---- reading */

static int read_all(int fd, void *to, uint64_t n)
{
    uint8_t *at = to;
    while (n > 0) {
        ssize_t done = read(fd, at, n < (UINT64_C(1) << 30) ? (size_t)n : (size_t)1 << 30);
        if (done == 0) return ENODATA;
        if (done < 0 && errno != EINTR) return errno;
        at += done > 0 ? done : 0;
        n -= done > 0 ? (uint64_t)done : 0;
    }
    return 0;
}

/* Whether the head is of that object of this store, and its metadata, which are read, are whole. */
static bool is_sound(const struct pl_store *objects, const uint8_t *id, uint64_t version,
                     const struct head *head, const struct pl_external_file *file)
{
    uint8_t store_id[BRAIN_STORE_ID_BYTES];
    struct stat st;
    brain_store_id(objects->store, store_id);
    return head->head_sum == sum_of_head(head, file->meta) && head->version == version &&
           memcmp(head->store_id, store_id, sizeof store_id) == 0 &&
           memcmp(head->id, id, BRAIN_ID_BYTES) == 0 && head->meta_len >= PL_TRAILER_BYTES &&
           fstat(file->fd, &st) == 0 && (st.st_uid == geteuid() || geteuid() == 0) &&
           (uint64_t)st.st_size == sizeof *head + head->meta_len + head->size_bytes;
}

int pl_external_open(const struct pl_external *external, const struct pl_store *objects,
                     const uint8_t *id, uint64_t version, struct pl_external_file *out)
{
    char path[sizeof external->folder + 80];
    struct head head;
    path_of(external, id, version, path, sizeof path);
    out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (out->fd < 0) {
        int error = errno;
        (void)fail(error, "the external store: cannot open the file of an evicted object, %s",
                   path);
        return error == ENOENT ? BRAIN_E_NOT_FOUND : PL_E_EXTERNAL;
    }
    int error = read_all(out->fd, &head, sizeof head);
    bool is_ours = error == 0 && memcmp(head.magic, MAGIC, sizeof head.magic) == 0 &&
                   head.meta_len < sizeof out->meta;
    if (is_ours) error = read_all(out->fd, out->meta, head.meta_len);
    if (!is_ours || error != 0 || !is_sound(objects, id, version, &head, out)) {
        pl_external_close(out);
        return fail(error, "the external store: the file of an evicted object is damaged, %s",
                    path);
    }
    out->kind = head.kind;
    out->meta_len = head.meta_len;
    out->size_bytes = head.size_bytes;
    out->sum = head.sum;
    return 0;
}

int pl_external_read(struct pl_external_file *file, void *to)
{
    int error = read_all(file->fd, to, file->size_bytes);
    bool is_whole = error == 0 && add_to_sum(1, to, file->size_bytes) == file->sum;
    pl_external_close(file);
    return is_whole ? 0
                    : fail(error, "the external store: the file of an evicted object is damaged");
}

void pl_external_close(struct pl_external_file *file)
{
    (void)close(file->fd);
    file->fd = -1;
}

/* ---- tidying */

/* Whether an id leads to the file of that version, or will when its evictor goes on. */
static int is_needed(const struct pl_store *objects, const uint8_t *id, uint64_t version,
                     bool *needed_out)
{
    brain_view view;
    struct pl_object info;
    *needed_out = false;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    *needed_out = pl_object_describe(&view, &info) != 0 || view.version == version ||
                  (info.is_away && info.file_version == version);
    brain_view_drop(&view);
    return 0;
}

int pl_external_sweep(const struct pl_store *objects)
{
    struct pl_external external;
    int code = pl_external_find(objects, &external);
    DIR *folder = code == 0 && external.is_there ? opendir(external.folder) : NULL;
    if (folder == NULL) return code;
    const struct dirent *entry;
    while (code == 0 && (entry = readdir(folder)) != NULL) {
        uint8_t id[BRAIN_ID_BYTES];
        uint64_t version;
        bool needed;
        if (!parse_name(entry->d_name, id, &version)) continue;
        code = is_needed(objects, id, version, &needed);
        if (code == 0 && !needed) (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    (void)closedir(folder);
    return code;
}

void pl_external_destroy(const struct pl_external *external)
{
    DIR *folder = external->is_there ? opendir(external->folder) : NULL;
    if (folder == NULL) return;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        uint8_t id[BRAIN_ID_BYTES];
        uint64_t version;
        if (parse_name(entry->d_name, id, &version)) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    (void)closedir(folder);
    (void)rmdir(external->folder);
}
