/* spilled.c - a value in a file of its own, and how it is recalled.
 *
 * The file is named by the id that the value had in memory, so whoever has that id finds it; and two who spill one
 * value cannot both make it. Whoever recalls believes neither side alone: the head says what the stand-in says, and
 * the file has as many bytes as both say, before a byte of it is mapped. It is not written again, but for `object`.
 *
 * Damage:   of the head is told. The data have no check: to read a gigabyte in order to map it would defeat the
 *           purpose. A file that somebody cuts short while it is mapped is SIGBUS in who reads there.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "error.h"
#include "spilled.h"

#define PAGE      4096u
#define PIECE_MAX ((size_t)1 << 30) /* of one write(); Linux does no more than 2 GiB */

static const char stand_in_magic[8] = "spilled";
static const char head_magic[8] = "brainsp";

#define SPACE                                                                                      \
    "\xff"                                                                                         \
    "disk:spill"
#define SPACE_LEN 11u
#define DIRECTORY "directory"
static_assert(sizeof SPACE - 1 == SPACE_LEN, "the length of its name");

/* ---- the stand-in */

int bd_spilled_stand_in(const brain_view *away, struct bd_stand_in *stand_in_out)
{
    if (away->kind != BRAIN_KIND_AWAY) {
        return bd_error(BRAIN_E_INVAL,
                        "a value of kind %u is in the store: there is nothing to recall",
                        away->kind);
    }
    bool fits = away->size_bytes == sizeof *stand_in_out;
    if (fits) {
        memcpy(stand_in_out, away->data, sizeof *stand_in_out);
    }
    if (!fits || memcmp(stand_in_out->magic, stand_in_magic, sizeof stand_in_magic) != 0 ||
        stand_in_out->size >= (uint64_t)1 << 47 || stand_in_out->kind > 255 ||
        stand_in_out->kind == BRAIN_KIND_AWAY) {
        return bd_error(BRAIN_E_CORRUPT,
                        "%s: what stands for the value %.*s is not of this version of the library",
                        brain_path(away->store), (int)(away->name_len < 200 ? away->name_len : 200),
                        (const char *)away->name);
    }
    return 0;
}

int brain_spilled_id(const brain_view *away, uint8_t id_out[BRAIN_ID_BYTES])
{
    struct bd_stand_in stand_in;
    int err = bd_spilled_stand_in(away, &stand_in);
    if (err == 0) {
        memcpy(id_out, stand_in.id, BRAIN_ID_BYTES);
    }
    return err;
}

int brain_spilled_size(const brain_view *away, uint64_t *size_out, uint32_t *kind_out)
{
    struct bd_stand_in stand_in;
    int err = bd_spilled_stand_in(away, &stand_in);
    if (err == 0) {
        *size_out = stand_in.size;
        *kind_out = stand_in.kind;
    }
    return err;
}

static void put_hex(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

void bd_spilled_name(const uint8_t id[BRAIN_ID_BYTES], char name_out[BD_SPILLED_NAME_ROOM])
{
    put_hex(id, BRAIN_ID_BYTES, name_out);
}

/* ---- the head */

static uint64_t check_of(const struct bd_spilled *spilled)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    (void)XXH3_64bits_reset(&state);
    (void)XXH3_64bits_update(&state, &spilled->head, offsetof(struct bd_spilled_head, check));
    (void)XXH3_64bits_update(&state, spilled->names,
                             (size_t)spilled->head.space_len + spilled->head.name_len);
    return XXH3_64bits_digest(&state);
}

static uint32_t head_bytes(size_t names_len)
{
    return (uint32_t)((sizeof(struct bd_spilled_head) + names_len + PAGE - 1) / PAGE * PAGE);
}

/* Read exactly so many bytes: 0, an errno, or ENODATA where the file is shorter. */
static int read_at(int fd, void *to, size_t size, off_t at)
{
    for (size_t n = 0; n < size;) {
        ssize_t got = pread(fd, (uint8_t *)to + n, size - n, at + (off_t)n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : ENODATA;
        }
        n += (size_t)got;
    }
    return 0;
}

static int damaged(const char *path, const char *what)
{
    return bd_error(BRAIN_E_CORRUPT,
                    "%s, a value that was spilled, is damaged: %s. Put the value anew, or delete "
                    "its name",
                    path, what);
}

static int judge_read(const char *path, int os)
{
    return os == 0         ? 0
           : os == ENODATA ? damaged(path, "it is too short")
                           : bd_error_os(os, "cannot read %s", path);
}

int bd_spilled_read(int fd, const char *path, struct bd_spilled *spilled_out)
{
    struct bd_spilled it = { .names = NULL };
    int err = judge_read(path, read_at(fd, &it.head, sizeof it.head, 0));
    if (err != 0) {
        return err;
    }
    size_t names_len = (size_t)it.head.space_len + it.head.name_len;
    if (memcmp(it.head.magic, head_magic, sizeof head_magic) != 0 ||
        it.head.format != BD_SPILLED_FORMAT || it.head.head_bytes != head_bytes(names_len)) {
        return damaged(path, "its head makes no sense");
    }
    it.names = malloc(names_len + 1);
    if (it.names == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to recall a value");
    }
    err = judge_read(path, read_at(fd, it.names, names_len, sizeof it.head));
    if (err == 0 && check_of(&it) != it.head.check) {
        err = damaged(path, "its head has another check");
    }
    if (err != 0) {
        free(it.names);
        return err;
    }
    *spilled_out = it;
    return 0;
}

bool bd_spilled_was_whole(int fd)
{
    char magic[sizeof head_magic];
    struct stat st;
    return read_at(fd, magic, sizeof magic, 0) == 0 &&
           memcmp(magic, head_magic, sizeof magic) == 0 && fstat(fd, &st) == 0 && st.st_size > PAGE;
}

/* ---- writing */

static int write_at(int fd, const void *from, size_t size, off_t at)
{
    for (size_t n = 0; n < size;) {
        size_t piece = size - n < PIECE_MAX ? size - n : PIECE_MAX;
        ssize_t done = pwrite(fd, (const uint8_t *)from + n, piece, at + (off_t)n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done < 0 ? errno : EIO;
        }
        n += (size_t)done;
    }
    return 0;
}

/* Before anything is written, so that a disk without room says so now, and not when it gets to writing what it was given. */
static int reserve(int fd, uint64_t size)
{
    int os;
    do {
        os = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
    } while (os == EINTR);
    bool is_refused = os == EOPNOTSUPP || os == ENOSYS || os == EINVAL;
    return is_refused && ftruncate(fd, (off_t)size) != 0 ? errno : is_refused ? 0 : os;
}

static int fill_head(const brain_view *view, const brain_space *space, struct bd_spilled *out)
{
    size_t space_len;
    const void *space_name = brain_space_name(space, &space_len);
    struct bd_spilled_head *head = &out->head;
    memset(head, 0, sizeof *head);
    memcpy(head->magic, head_magic, sizeof head_magic);
    head->format = BD_SPILLED_FORMAT;
    head->head_bytes = head_bytes(space_len + view->name_len);
    head->size = view->size_bytes;
    head->version = view->version;
    head->created_ns = brain_view_created_ns(view);
    head->kind = view->kind;
    head->space_len = (uint8_t)space_len;
    head->name_len = view->name_len;
    brain_view_id(view, head->id);
    brain_store_id(view->store, head->store);
    out->names = malloc(space_len + view->name_len);
    if (out->names == NULL) {
        return bd_error(BRAIN_E_NOMEM, "no memory to spill a value");
    }
    memcpy(out->names, space_name, space_len);
    memcpy(out->names + space_len, view->name, view->name_len);
    head->check = check_of(out);
    return 0;
}

int bd_spilled_write(int fd, const char *path, const brain_view *view, const brain_space *space,
                     struct bd_stand_in *stand_in_out)
{
    struct bd_spilled it;
    int err = fill_head(view, space, &it);
    if (err != 0) {
        return err;
    }
    const struct bd_spilled_head *head = &it.head;
    int os = reserve(fd, head->head_bytes + head->size);
    os = os != 0 ? os
                 : write_at(fd, it.names, (size_t)head->space_len + head->name_len, sizeof *head);
    os = os != 0 ? os : write_at(fd, view->data, (size_t)head->size, (off_t)head->head_bytes);
    os = os != 0 ? os : write_at(fd, head, sizeof *head, 0); /* last: bd_spilled_was_whole() */
    free(it.names);
    if (os != 0) {
        return bd_error_os(os, "cannot spill a value of %llu bytes to %s",
                           (unsigned long long)view->size_bytes, path);
    }
    *stand_in_out =
        (struct bd_stand_in){ .size = head->size, .check = head->check, .kind = head->kind };
    memcpy(stand_in_out->magic, stand_in_magic, sizeof stand_in_magic);
    memcpy(stand_in_out->id, head->id, sizeof head->id);
    return 0;
}

void bd_spilled_note(int fd, uint32_t object)
{
    (void)write_at(fd, &object, sizeof object, offsetof(struct bd_spilled_head, object));
}

/* ---- where they are */

/* The directory of all stores, as it stands in the store, terminated; NOT_FOUND. */
static int read_choice(brain_store *store, char **path_out)
{
    brain_space *space;
    brain_view view;
    int err = brain_space_open(store, SPACE, SPACE_LEN, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = brain_get(space, DIRECTORY, sizeof DIRECTORY - 1, &view);
    brain_space_close(space);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? err : bd_error_store(err);
    }
    char *path = view.meta_len < 4096 ? strndup(view.meta, view.meta_len) : NULL;
    brain_view_drop(&view);
    *path_out = path;
    return path != NULL ? 0 : bd_error(BRAIN_E_NOMEM, "no memory for a path");
}

static int is_another(const brain_store *store, const char *there, const char *chosen)
{
    return bd_error(BRAIN_E_INVAL,
                    "%s spills to %s already, and cannot to %s, too: open it with the directory "
                    "that it has",
                    brain_path(store), there, chosen);
}

/* Cut the last name off a path. Returns it, in the same memory; NULL: there is none behind a slash. */
static char *cut_last(char *path)
{
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/') {
        path[--len] = '\0';
    }
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = '\0';
    return slash + 1;
}

/* Whether realpath() will say `real` of a directory that need not be there yet, nor those above it. */
static bool will_be(const char *path, const char *real)
{
    char *its = NULL, *front = NULL, *real_front = strdup(real);
    if (real_front == NULL || asprintf(&front, "%s%s", *path == '/' ? "" : "./", path) < 0) {
        free(real_front);
        return true; /* bd_spilled_choose() says what is wrong */
    }
    bool is_same = true;
    while (is_same && (its = realpath(*front != '\0' ? front : "/", NULL)) == NULL) {
        const char *last = cut_last(front), *real_last = cut_last(real_front);
        is_same = last != NULL && real_last != NULL && strcmp(last, real_last) == 0;
    }
    is_same = is_same && strcmp(its, *real_front != '\0' ? real_front : "/") == 0;
    free(its);
    free(front);
    free(real_front);
    return is_same;
}

int bd_spilled_may_choose(brain_store *store, const char *chosen)
{
    char *there;
    int err = read_choice(store, &there);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? 0 : err;
    }
    err = will_be(chosen, there) ? 0 : is_another(store, there, chosen);
    free(there);
    return err;
}

int bd_spilled_choose(brain_store *store, const char *chosen)
{
    brain_space *space;
    char *there = NULL;
    /* In its metadata, for which there is room in a store that is full to the last byte. */
    const brain_value value = { .meta = chosen, .meta_len = strlen(chosen) };
    int err = brain_space_open(store, SPACE, SPACE_LEN, &space);
    if (err == 0) {
        err = brain_put(space, DIRECTORY, sizeof DIRECTORY - 1, &value, 0, NULL);
        brain_space_close(space);
    }
    if (err != BRAIN_E_EXISTS) {
        return err != 0 ? bd_error_store(err) : 0;
    }
    err = read_choice(store, &there);
    if (err == 0 && strcmp(there, chosen) != 0) {
        err = is_another(store, there, chosen);
    }
    free(there);
    return err;
}

int bd_spilled_directory(brain_store *store, char **path_out)
{
    char *all, name[2 * BRAIN_STORE_ID_BYTES + 1];
    uint8_t id[BRAIN_STORE_ID_BYTES];
    int err = read_choice(store, &all);
    if (err != 0) {
        return err;
    }
    brain_store_id(store, id);
    put_hex(id, sizeof id, name);
    int n = asprintf(path_out, "%s/%s", all, name);
    free(all);
    return n >= 0 ? 0 : bd_error(BRAIN_E_NOMEM, "no memory for a path");
}

/* ---- recall */

/* What somebody else may have written is not believed: it may be a pickle. */
static int check_owner(const brain_store *store, const char *path, const struct stat *st)
{
    bool is_ours = st->st_uid == geteuid() || st->st_uid == 0;
    bool others_may = (brain_access(store) & BRAIN_ACCESS_OTHERS_WRITE) != 0;
    if (!others_may && (!is_ours || (st->st_mode & 022) != 0)) {
        return bd_error(BRAIN_E_PERM,
                        "%s, a value that was spilled, may have been written by somebody else than "
                        "who may write "
                        "%s: see who owns it, and its mode",
                        path, brain_path(store));
    }
    return 0;
}

/* That the file is the one that the stand-in is of, and whole. */
static int check_file(const brain_store *store, int fd, const char *path,
                      const struct bd_stand_in *stand_in, struct bd_spilled_head *head_out)
{
    struct stat st;
    struct bd_spilled it;
    if (fstat(fd, &st) != 0) {
        return bd_error_os(errno, "cannot read %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return damaged(path, "it is no file");
    }
    int err = check_owner(store, path, &st);
    err = err != 0 ? err : bd_spilled_read(fd, path, &it);
    if (err != 0) {
        return err;
    }
    free(it.names);
    *head_out = it.head;
    if (it.head.check != stand_in->check || it.head.size != stand_in->size ||
        it.head.kind != stand_in->kind ||
        memcmp(it.head.id, stand_in->id, sizeof stand_in->id) != 0) {
        return damaged(path, "it is not the file that the store is told of");
    }
    return (uint64_t)st.st_size == it.head.head_bytes + it.head.size
               ? 0
               : damaged(path, "it has another length than its head says");
}

static int map(int fd, const char *path, const struct bd_spilled_head *head, brain_recalled *out)
{
    static const uint64_t nothing[8];
    *out = (brain_recalled){ .data = nothing, .size_bytes = head->size, .kind = head->kind };
    if (head->size == 0) {
        return 0;
    }
    void *data = mmap(NULL, (size_t)head->size, PROT_READ, MAP_SHARED, fd, (off_t)head->head_bytes);
    if (data == MAP_FAILED) {
        return bd_error_os(errno, "cannot map %s", path);
    }
    out->data = data;
    out->is_mapped = 1;
    return 0;
}

static int open_file(const brain_view *away, const struct bd_stand_in *stand_in, char **path_out,
                     int *fd_out)
{
    char *directory, name[BD_SPILLED_NAME_ROOM];
    int err = bd_spilled_directory(away->store, &directory);
    if (err == BRAIN_E_NOT_FOUND) {
        return bd_error(BRAIN_E_CORRUPT,
                        "%s has values that are away, and says of no directory where they are",
                        brain_path(away->store));
    }
    if (err != 0) {
        return err;
    }
    bd_spilled_name(stand_in->id, name);
    int n = asprintf(path_out, "%s/%s", directory, name);
    free(directory);
    if (n < 0) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a path");
    }
    *fd_out = open(*path_out, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd_out >= 0) {
        return 0;
    }
    err = errno == ENOENT || errno == ENOTDIR
              ? bd_error(BRAIN_E_IO,
                         "%s, to which a value was spilled, is gone, and the value with it: put it "
                         "anew, or delete "
                         "its name. Was the directory removed, or is it another one here, in a "
                         "container?",
                         *path_out)
              : bd_error_os(errno, "cannot read %s, to which a value was spilled", *path_out);
    free(*path_out);
    return err;
}

/* Say in front of the text of an error about a file which value is in it: nobody knows that by the name of the file. */
static int of_value(const brain_view *away, int err)
{
    char text[768];
    brain_space *space = NULL;
    const void *space_name = "";
    size_t space_len = 0;
    (void)snprintf(text, sizeof text, "%s", brain_disk_error_detail());
    bool has_space = brain_view_space(away, &space, &space_name, &space_len) == 0;
    err = bd_error(err, "%.*s%s%.*s: %s", (int)(away->name_len < 100 ? away->name_len : 100),
                   (const char *)away->name, has_space ? " of the namespace " : "",
                   (int)(space_len < 100 ? space_len : 100), (const char *)space_name, text);
    brain_space_close(space);
    return err;
}

/* Open and verify the file of a view: what both ways to map it need. */
static int open_verified(const brain_view *away, struct bd_spilled_head *head_out, char **path_out,
                         int *fd_out)
{
    struct bd_stand_in stand_in;
    int err = bd_spilled_stand_in(away, &stand_in);
    if (err != 0) {
        return err;
    }
    err = open_file(away, &stand_in, path_out, fd_out);
    if (err != 0) {
        return of_value(away, err);
    }
    err = check_file(away->store, *fd_out, *path_out, &stand_in, head_out);
    if (err != 0) {
        close(*fd_out);
        free(*path_out);
        return of_value(away, err);
    }
    return 0;
}

int brain_recall(const brain_view *away, brain_recalled *out)
{
    struct bd_spilled_head head = { .size = 0 };
    char *path = NULL;
    int fd = -1;
    int err = open_verified(away, &head, &path, &fd);
    if (err == 0) {
        err = map(fd, path, &head, out);
        close(fd);
        free(path);
    }
    return err;
}

int brain_recall_private(const brain_view *away, uint64_t offset, uint64_t size_bytes,
                         void **data_out)
{
    static uint64_t nothing[8];
    struct bd_spilled_head head = { .size = 0 };
    char *path = NULL;
    int fd = -1;
    int err = open_verified(away, &head, &path, &fd);
    if (err != 0) {
        return err;
    }
    if (offset > head.size || size_bytes > head.size - offset) {
        err = bd_error(BRAIN_E_INVAL,
                       "a part of %llu bytes from byte %llu on is not of a value of %llu",
                       (unsigned long long)size_bytes, (unsigned long long)offset,
                       (unsigned long long)head.size);
    } else if (size_bytes == 0) {
        *data_out = nothing;
    } else {
        uint64_t at = head.head_bytes + offset, past = at % PAGE;
        void *data = mmap(NULL, (size_t)(past + size_bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE,
                          fd, (off_t)(at - past));
        err = data == MAP_FAILED ? bd_error_os(errno, "cannot map %s", path) : 0;
        if (err == 0) {
            *data_out = (uint8_t *)data + past;
        }
    }
    close(fd);
    free(path);
    return err;
}

void brain_recalled_drop(brain_recalled *recalled)
{
    if (recalled->is_mapped) {
        (void)munmap((void *)(uintptr_t)recalled->data, (size_t)recalled->size_bytes);
    }
    *recalled = (brain_recalled){ .data = NULL };
}

/* ---- by what was spilled */

/* Whether a view stands for the file with this id. */
static bool stands_for(const brain_view *view, const uint8_t id[BRAIN_ID_BYTES])
{
    struct bd_stand_in stand_in;
    return view->kind == BRAIN_KIND_AWAY && bd_spilled_stand_in(view, &stand_in) == 0 &&
           memcmp(stand_in.id, id, BRAIN_ID_BYTES) == 0;
}

int bd_spilled_find(brain_store *store, const struct bd_spilled *spilled, brain_view *view_out)
{
    brain_space *space;
    brain_view view;
    const struct bd_spilled_head *head = &spilled->head;
    uint8_t store_id[BRAIN_STORE_ID_BYTES];
    brain_store_id(store, store_id);
    if (memcmp(store_id, head->store, sizeof store_id) != 0 || head->space_len == 0) {
        return BRAIN_E_NOT_FOUND;
    }
    int err = brain_space_open(store, spilled->names, head->space_len, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = brain_get(space, spilled->names + head->space_len, head->name_len, &view);
    brain_space_close(space);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? err : bd_error_store(err);
    }
    if (!stands_for(&view, head->id)) {
        brain_view_drop(&view);
        return BRAIN_E_NOT_FOUND;
    }
    *view_out = view;
    return 0;
}

int brain_spilled_get(brain_store *store, const uint8_t id[BRAIN_ID_BYTES], brain_view *view_out)
{
    struct bd_spilled it;
    char *directory, *path, name[BD_SPILLED_NAME_ROOM];
    int err = bd_spilled_directory(store, &directory);
    if (err != 0) {
        return err;
    }
    bd_spilled_name(id, name);
    int n = asprintf(&path, "%s/%s", directory, name);
    free(directory);
    if (n < 0) {
        return bd_error(BRAIN_E_NOMEM, "no memory for a path");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    err = fd >= 0           ? bd_spilled_read(fd, path, &it)
          : errno == ENOENT ? BRAIN_E_NOT_FOUND
                            : bd_error_os(errno, "cannot read %s", path);
    if (fd >= 0) {
        close(fd);
    }
    if (err == 0) {
        err = bd_spilled_find(store, &it, view_out);
        free(it.names);
    }
    free(path);
    return err;
}
