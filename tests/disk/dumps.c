/* dumps.c - what the tests of disk/ share. */
#include "dumps.h"

#include <dirent.h>
#include <ftw.h>

/* ---- folders and files */

static char folders[16][64];
static int n_folders;

static int remove_one(const char *path, const struct stat *st, int how, struct FTW *place)
{
    (void)st;
    (void)how;
    (void)place;
    return remove(path);
}

void dumps_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_folders(void)
{
    for (int i = 0; i < n_folders && getpid() == check_main; i++) {
        dumps_remove(folders[i]);
    }
}

const char *dumps_folder(void)
{
    const char *parent = getenv("TMPDIR");
    CHECK(n_folders < 16);
    if (n_folders == 0) {
        atexit(remove_folders);
    }
    char *folder = folders[n_folders];
    snprintf(folder, sizeof folders[0], "%.40s/brain-dumps-XXXXXX",
             parent != NULL ? parent : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    n_folders++;
    return folder;
}

char *dumps_join(const char *folder, const char *name)
{
    char *path;
    CHECK(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

int dumps_count_files(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return n;
}

uint8_t *dumps_read(const char *path, size_t *size_out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK_SYS(fd);
    CHECK_SYS(fstat(fd, &st));
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    CHECK(bytes != NULL);
    CHECK(read(fd, bytes, (size_t)st.st_size) == st.st_size);
    CHECK_SYS(close(fd));
    *size_out = (size_t)st.st_size;
    return bytes;
}

void dumps_write(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    CHECK(write(fd, bytes, size) == (ssize_t)size);
    CHECK_SYS(close(fd));
}

/* ---- values */

static const size_t name_lens[] = { 4, 8, 1, 23, 300, 5, 65535, 6 };
static const size_t sizes[] = { 0,     1,     8,      255,    256,    2000,
                                32768, 32769, 100000, 262144, 262145, 700000 };
static const uint32_t kinds[] = { BRAIN_KIND_RAW,   BRAIN_KIND_INT,
                                  BRAIN_KIND_BYTES, BRAIN_KIND_TENSOR,
                                  BRAIN_KIND_STR,   BRAIN_KIND_PICKLE,
                                  BRAIN_KIND_TREE,  200 };

void dumps_make(int number, struct dumps_value *value_out)
{
    struct dumps_value *value = value_out;
    uint64_t seed = 1000 + (uint64_t)number;
    memset(value, 0, sizeof *value);
    snprintf(value->space, sizeof value->space, "s%d", number % 3);
    value->name_len = name_lens[number % 8];
    value->size = sizes[number % 12];
    value->kind = kinds[number % 8];
    value->meta_len = (size_t)number % 5 * 10;
    value->created_ns = number % 4 == 3 ? 0 : 1 + check_mix(seed) % INT64_MAX;
    value->name = malloc(value->name_len);
    value->data = malloc(value->size + 8);
    CHECK(value->name != NULL && value->data != NULL);
    check_fill(value->name, value->name_len, seed);
    value->name[0] = (uint8_t)number; /* no two are the same */
    check_fill(value->data, value->size, seed + 1);
    check_fill(value->meta, value->meta_len, seed + 2);
    value->description_len =
        number % 2 == 0 ? 0 : (size_t)snprintf(value->description, 24, "number %d", number);
}

void dumps_free(struct dumps_value *value)
{
    free(value->name);
    free(value->data);
}

void dumps_put(brain_store *store, int number)
{
    struct dumps_value it;
    dumps_make(number, &it);
    brain_space *space = check_space(store, it.space);
    brain_part part = { .data = it.data, .size_bytes = it.size };
    brain_value value = { .kind = it.kind,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = it.meta,
                          .meta_len = it.meta_len,
                          .description = it.description,
                          .description_len = it.description_len,
                          .created_ns = it.created_ns };
    CHECK_OK(brain_put(space, it.name, it.name_len, &value, BRAIN_ANY_VERSION, NULL));
    brain_space_close(space);
    dumps_free(&it);
}

bool dumps_has(brain_store *store, int number)
{
    struct dumps_value it;
    brain_view view;
    dumps_make(number, &it);
    brain_space *space = check_space(store, it.space);
    int err = brain_get(space, it.name, it.name_len, &view);
    if (err == 0) {
        CHECK_U64(view.kind, it.kind);
        CHECK_U64(view.size_bytes, it.size);
        CHECK(memcmp(view.data, it.data, it.size) == 0);
        CHECK(view.meta_len == it.meta_len &&
              (it.meta_len == 0 || memcmp(view.meta, it.meta, it.meta_len) == 0));
        CHECK(view.description_len == it.description_len &&
              (it.description_len == 0 ||
               memcmp(view.description, it.description, it.description_len) == 0));
        CHECK(it.created_ns == 0 || brain_view_created_ns(&view) == it.created_ns);
        brain_view_drop(&view);
    } else {
        CHECK_CODE(err, BRAIN_E_NOT_FOUND);
    }
    brain_space_close(space);
    dumps_free(&it);
    return err == 0;
}

brain_store *dumps_new(void)
{
    return check_open(check_path(), 16 * CHECK_MIB);
}

brain_store *dumps_store(void)
{
    brain_store *store = dumps_new();
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        dumps_put(store, i);
    }
    brain_space *space = check_space(store, "empty");
    CHECK_OK(brain_space_create(space));
    brain_space_close(space);
    return store;
}

uint64_t dumps_count_names(brain_store *store)
{
    return check_stat(store).n_objects;
}

/* ---- reports */

void dumps_tell(void *context, const brain_load_name *name)
{
    struct dumps_told *told = context;
    CHECK(name->fate >= BRAIN_LOADED && name->fate <= BRAIN_LOAD_LOST);
    told->n[name->fate]++;
    if (name->fate == BRAIN_LOADED) {
        CHECK(name->version > name->dumped_version && name->dumped_version != 0);
        told->version_max = name->version > told->version_max ? name->version : told->version_max;
    } else {
        CHECK_U64(name->version, 0);
    }
    if (name->fate == BRAIN_LOAD_LOST) {
        int number = ((const uint8_t *)name->name)[0];
        CHECK(number < DUMPS_N_VALUES);
        CHECK_U64(name->size_bytes, sizes[number % 12]);
        told->lost[number]++;
    }
}
