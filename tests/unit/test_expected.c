/* test_expected.c - an answer that a program expects, such as NOT_FOUND, does not come with the text of an earlier
 * failure. */
#include "check.h"

static brain_store *store;
static brain_space *space, *none;

/* Somebody has failed before, with a text. */
static void fail_before(void)
{
    brain_space *nameless;
    CHECK_CODE(brain_space_open(store, "", 0, &nameless), BRAIN_E_INVAL);
    CHECK(brain_error_detail()[0] != '\0');
}

#define CHECK_EXPECTED(call, code)                                                                 \
    do {                                                                                           \
        fail_before();                                                                             \
        int answer_ = (call);                                                                      \
        const char *text_ = brain_error_detail();                                                  \
        if (answer_ != (code) || text_[0] != '\0') {                                               \
            fprintf(stderr, "%s gives %d, and says '%s'\n", #call, answer_, text_);                \
        }                                                                                          \
        CHECK_CODE(answer_, code);                                                                 \
        CHECK(text_[0] == '\0');                                                                   \
    } while (0)

static const brain_value bare = { .kind = BRAIN_KIND_BYTES };

static void check_gets(void)
{
    brain_view view;
    brain_hint hint = { .space = 0 };
    uint64_t buf[8];
    uint8_t id[BRAIN_ID_BYTES] = { 0 };
    size_t size;
    CHECK_EXPECTED(brain_get(space, "b", 1, &view), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_get_or_copy(space, "b", 1, NULL, buf, sizeof buf, &view),
                   BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_get_or_copy(space, "b", 1, &hint, buf, sizeof buf, &view),
                   BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_get_copy(space, "b", 1, buf, sizeof buf, &size, NULL, NULL),
                   BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_exists(space, "b", 1, NULL), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_exists(none, "a", 1, NULL), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_get_by_id(store, id, &view), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_view_at(store, buf, &view), BRAIN_E_NOT_FOUND);
}

static void check_changes(void)
{
    CHECK_EXPECTED(brain_delete(space, "b", 1, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_delete(space, "a", 1, 1), BRAIN_E_STALE);
    CHECK_EXPECTED(brain_put(space, "a", 1, &bare, 1, NULL), BRAIN_E_STALE);
    CHECK_EXPECTED(brain_put(space, "a", 1, &bare, 0, NULL), BRAIN_E_EXISTS);
    CHECK_EXPECTED(brain_space_create(space), BRAIN_E_EXISTS);
    CHECK_EXPECTED(brain_space_exists(none), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_space_remove(none), BRAIN_E_NOT_FOUND);
}

static void check_batch(void)
{
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put_if(batch, space, "a", 1, &bare, 1));
    CHECK_EXPECTED(brain_batch_commit(batch, NULL), BRAIN_E_STALE);
    CHECK_OK(brain_batch_put_if(batch, space, "a", 1, &bare, 0));
    CHECK_EXPECTED(brain_batch_commit(batch, NULL), BRAIN_E_EXISTS);
    CHECK_OK(brain_batch_delete_if(batch, space, "b", 1, 5));
    CHECK_EXPECTED(brain_batch_commit(batch, NULL), BRAIN_E_NOT_FOUND);
    brain_batch_free(batch);
}

static void check_objects(void)
{
    brain_object *object;
    brain_object_info info = { .struct_size = sizeof info };
    brain_client client;
    uint32_t end = UINT32_MAX;
    size_t n;
    CHECK_OK(brain_create(store, 8, &object));
    CHECK_EXPECTED(brain_object_seal(object, space, "a", 1, &bare, 0, NULL), BRAIN_E_EXISTS);
    brain_object_release(object);
    CHECK_EXPECTED(brain_object_look(store, 1u << 20, &info), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_objects(store, BRAIN_OBJECT_ANY, &end, &info, 1, &n), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_writer(store, &client, NULL), BRAIN_E_NOT_FOUND);
}

static void check_walks(void)
{
    brain_snapshot *snapshot;
    brain_iter *iter;
    brain_view view;
    const void *name;
    size_t name_len;
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_EXPECTED(brain_snapshot_get(snapshot, space, "b", 1, &view), BRAIN_E_NOT_FOUND);
    brain_snapshot_close(snapshot);
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    CHECK_OK(brain_iter_next(iter, &name, &name_len));
    CHECK_EXPECTED(brain_iter_next(iter, &name, &name_len), BRAIN_E_NOT_FOUND);
    CHECK_EXPECTED(brain_iter_get(iter, &view), BRAIN_E_NOT_FOUND);
    brain_iter_free(iter);
}

/* Of a namespace that has gone, and made again. */
static void check_view_of_the_gone(void)
{
    brain_space *other = check_space(store, "other"), *found;
    brain_view view;
    CHECK_OK(brain_put_bytes(other, "a", 1, "1", 1));
    CHECK_OK(brain_get(other, "a", 1, &view));
    CHECK_OK(brain_space_remove(other));
    CHECK_EXPECTED(brain_view_space(&view, &found, NULL, NULL), BRAIN_E_NOT_FOUND);
    brain_view_drop(&view);
    brain_space_close(other);
}

/* A fault after it has its own. */
static void check_faults_speak(void)
{
    CHECK_CODE(brain_exists(space, "b", 1, NULL), BRAIN_E_NOT_FOUND);
    fail_before();
    uint64_t version = 0;
    CHECK_CODE(brain_wait(space, "b", 1, 0, 0, &version), BRAIN_E_TIMEOUT);
    CHECK_DETAIL("nothing changed");
    brain_store *nowhere;
    CHECK_CODE(brain_open(NULL, NULL, &nowhere), BRAIN_E_INVAL);
    CHECK_DETAIL("no path");
}

int main(void)
{
    check_begin();
    store = check_open(check_path(), 1 << 20);
    space = check_space(store, "default");
    none = check_space(store, "nowhere");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    CHECK_OK(brain_put_bytes(space, "a", 1, "2", 1));
    check_gets();
    check_changes();
    check_batch();
    check_objects();
    check_walks();
    check_view_of_the_gone();
    check_faults_speak();
    brain_space_close(space);
    brain_space_close(none);
    check_destroy(store);
    return 0;
}
