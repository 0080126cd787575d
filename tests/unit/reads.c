/* reads.c - operations of a random program that change no value. */
#include "reads.h"

#include "check.h"
#include "held.h"

uint64_t reads_n_copied;

void reads_get(void)
{
    uint32_t s = model_any_space(), n = model_any_name(), i = (uint32_t)check_below(HELD_VIEWS);
    const struct model_value *value = &model_now.values[s][n];
    brain_view view = { .size_bytes = 77 };
    int err =
        brain_get(held_spaces[held_any_store()][s], model_names[n], model_name_lens[n], &view);
    CHECK_CODE(err, value->version != 0 ? 0 : BRAIN_E_NOT_FOUND);
    if (err != 0) {
        CHECK_U64(view.size_bytes, 77);
        return;
    }
    model_check_view(&view, value, n);
    if (check_below(2) == 0) {
        brain_view_drop(&view);
        return;
    }
    held_drop_view(i);
    held_views[i] = (struct held_view){
        .view = view, .value = *value, .space = s, .n_removed = model_now.n_removed[s], .name = n
    };
}

void reads_check_get_or_copy(brain_space *space, const struct model_value *value, uint32_t n)
{
    static uint64_t buf[64];
    brain_view view;
    int err = brain_get_or_copy(space, model_names[n], model_name_lens[n], held_any_hint(space, n),
                                buf, check_below(sizeof buf), &view);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : 0);
    if (err != 0) {
        return;
    }
    bool is_copy = view.data == buf;
    reads_n_copied += is_copy;
    CHECK(!is_copy || (value->size < 256 && view.store == NULL && view.name == model_names[n]));
    CHECK_U64(view.version, value->version);
    CHECK_U64(view.kind, value->kind);
    CHECK_U64(view.size_bytes, value->size);
    CHECK_U64(view.name_len, model_name_lens[n]);
    CHECK(check_is_filled(view.data, value->size, value->seed));
    brain_view_drop(&view);
}

void reads_get_copy(void)
{
    uint32_t s = model_any_space(), n = model_any_name(), kind = 999;
    const struct model_value *value = &model_now.values[s][n];
    size_t size = 999, room_bytes = value->size;
    uint64_t version = 999;
    bool small = value->version != 0 && value->size > 0 && check_below(3) == 0;
    brain_space *space = held_spaces[held_any_store()][s];
    room_bytes = small ? check_below(value->size) : room_bytes;
    int err = brain_get_copy(space, model_names[n], model_name_lens[n], model_room, room_bytes,
                             &size, &kind, &version);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : small ? BRAIN_E_FULL : 0);
    if (value->version != 0) {
        CHECK_U64(size, value->size);
    }
    if (err == 0) {
        CHECK_U64(version, value->version);
        CHECK_U64(kind, value->kind);
        CHECK(check_is_filled(model_room, size, value->seed));
    }
    reads_check_get_or_copy(space, value, n);
    version = 999;
    err = brain_exists(space, model_names[n], model_name_lens[n], &version);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : 0);
    CHECK_U64(version, err == 0 ? value->version : 999);
}

void reads_get_many(void)
{
    brain_key keys[60];
    brain_view views[60];
    uint32_t s[60], n[60], n_keys = (uint32_t)check_below(61), store = held_any_store();
    uint64_t number = 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        s[i] = model_any_space();
        n[i] = model_any_name();
        keys[i] = (brain_key){ held_spaces[store][s[i]], model_names[n[i]], model_name_lens[n[i]] };
    }
    CHECK_OK(brain_get_many(held_stores[store], keys, n_keys, views, &number));
    CHECK(number >= model_last_version || n_keys == 0);
    for (uint32_t i = 0; i < n_keys; i++) {
        const struct model_value *value = &model_now.values[s[i]][n[i]];
        CHECK((views[i].store != NULL) == (value->version != 0));
        if (views[i].store != NULL) {
            model_check_view(&views[i], value, n[i]);
            brain_view_drop(&views[i]);
        }
    }
}

void reads_walk(uint32_t store, brain_snapshot *snapshot, const struct model_table *table)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err;
    uint32_t n_spaces = 0;
    for (uint32_t s = 0; s < MODEL_SPACES; s++) {
        bool seen[MODEL_NAMES] = { false };
        n_spaces += table->exists[s];
        CHECK_OK(brain_iter_names(held_spaces[store][s], snapshot, &iter));
        while ((err = brain_iter_next(iter, &name, &len)) == 0) {
            uint32_t i = 0;
            while (i < MODEL_NAMES &&
                   (len != model_name_lens[i] || memcmp(name, model_names[i], len) != 0)) {
                i++;
            }
            CHECK(i < MODEL_NAMES && !seen[i] && table->values[s][i].version != 0);
            seen[i] = true;
            brain_view view;
            if (check_below(3) == 0) {
                CHECK_OK(brain_iter_get(iter, &view));
                model_check_view(&view, &table->values[s][i], i);
                brain_view_drop(&view);
            }
        }
        CHECK_CODE(err, BRAIN_E_NOT_FOUND);
        brain_iter_free(iter);
        for (uint32_t i = 0; i < MODEL_NAMES; i++) {
            CHECK(seen[i] == (table->values[s][i].version != 0));
        }
    }
    CHECK_OK(brain_iter_spaces(held_stores[store], snapshot, &iter));
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        n_spaces--;
        uint32_t s = 0;
        while (s < MODEL_SPACES && (len != strlen(model_space_names[s]) ||
                                    memcmp(name, model_space_names[s], len) != 0)) {
            s++;
        }
        CHECK(s < MODEL_SPACES && table->exists[s]);
    }
    CHECK_CODE(err, BRAIN_E_NOT_FOUND);
    CHECK_U64(n_spaces, 0);
    brain_iter_free(iter);
}

void reads_snapshot(void)
{
    uint32_t i = (uint32_t)check_below(HELD_SNAPSHOTS);
    struct held_snapshot *it = &held_snapshots[i];
    if (it->snapshot == NULL) {
        it->store = held_any_store();
        CHECK_OK(brain_snapshot_open(held_stores[it->store], &it->snapshot));
        CHECK(brain_snapshot_number(it->snapshot) >= model_last_version);
        it->table = model_now;
        return;
    }
    for (int k = 0; k < 20; k++) {
        uint32_t s = model_any_space(), n = model_any_name(), h = (uint32_t)check_below(HELD_VIEWS);
        const struct model_value *value = &it->table.values[s][n];
        brain_view view;
        int err = brain_snapshot_get(it->snapshot, held_spaces[it->store][s], model_names[n],
                                     model_name_lens[n], &view);
        CHECK_CODE(err, value->version != 0 ? 0 : BRAIN_E_NOT_FOUND);
        if (err == 0 && k == 0) {
            held_drop_view(h);
            held_views[h] = (struct held_view){ .view = view,
                                                .value = *value,
                                                .space = s,
                                                .n_removed = it->table.n_removed[s],
                                                .name = n };
        } else if (err == 0) {
            model_check_view(&view, value, n);
            brain_view_drop(&view);
        }
    }
    if (check_below(4) == 0) {
        reads_walk(it->store, it->snapshot, &it->table);
    }
    if (check_below(4) == 0) {
        held_close_snapshot(i);
    }
}

/* ---- what is held once more */

static void look_at_namespace(const struct held_view *it)
{
    brain_space *space;
    const void *name;
    size_t len;
    bool stands = model_now.exists[it->space] && model_now.n_removed[it->space] == it->n_removed;
    CHECK_CODE(brain_view_space(&it->view, &space, &name, &len), stands ? 0 : BRAIN_E_NOT_FOUND);
    if (stands) {
        CHECK(len == strlen(model_space_names[it->space]) &&
              memcmp(name, model_space_names[it->space], len) == 0);
        brain_space_close(space);
    }
}

static void look_by_id(const struct held_id *it)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view found;
    const struct model_value *now = &model_now.values[it->space][it->name];
    bool was_away = it->value.kind == BRAIN_KIND_AWAY, is_away = now->kind == BRAIN_KIND_AWAY;
    bool is_there =
        now->version == it->value.version && is_away == was_away; /* a move changes ids */
    CHECK_CODE(brain_get_by_id(held_stores[held_any_store()], it->id, &found),
               is_there ? 0 : BRAIN_E_NOT_FOUND);
    if (is_there) {
        brain_view_id(&found, id);
        CHECK(memcmp(id, it->id, sizeof id) == 0);
        model_check_view(&found, &it->value, it->name);
        brain_view_drop(&found);
    }
}

static void look_by_id_of(const struct held_view *it)
{
    struct held_id its = { .value = it->value, .space = it->space, .name = it->name };
    brain_view_id(&it->view, its.id);
    look_by_id(&its);
}

/* Of values whose views were dropped. */
static void look_by_ids(void)
{
    for (int k = 0; k < 10; k++) {
        const struct held_id *it = &held_ids[check_below(HELD_IDS)];
        if (it->value.version != 0) {
            look_by_id(it);
        }
    }
}

static void look_at_bytes(const struct held_view *it)
{
    brain_view found;
    void *mine;
    if (it->value.size == 0) {
        return;
    }
    const uint8_t *at = (const uint8_t *)it->view.data + check_below(it->value.size);
    CHECK_OK(brain_view_at(it->view.store, at, &found));
    CHECK_U64(found.object, it->view.object);
    model_check_view(&found, &it->value, it->name);
    brain_view_drop(&found);
    CHECK_OK(brain_view_private(&it->view, &mine));
    CHECK(memcmp(mine, it->view.data, it->value.size) == 0);
    memset(mine, 0x5a, it->value.size);
    brain_private_free(mine, it->value.size);
}

void reads_held(void)
{
    struct held_view *it = &held_views[check_below(HELD_VIEWS)];
    brain_view copy;
    look_by_ids();
    if (it->view.store == NULL) {
        return;
    }
    look_at_namespace(it);
    look_by_id_of(it);
    look_at_bytes(it);
    CHECK_OK(brain_view_dup(&it->view, &copy));
    model_check_view(&copy, &it->value, it->name);
    if (check_below(2) == 0) { /* either keeps the value */
        brain_view first = it->view;
        it->view = copy;
        copy = first;
    }
    brain_view_drop(&copy);
}

void reads_wait(void)
{
    uint32_t s = model_any_space(), n = model_any_name(), store = held_any_store();
    uint64_t version = model_now.values[s][n].version, got = 99;
    brain_space *space = held_spaces[store][s];
    CHECK_CODE(brain_wait(space, model_names[n], model_name_lens[n], version, 0, &got),
               BRAIN_E_TIMEOUT);
    CHECK_U64(got, 99);
    if (version != 0) {
        CHECK_OK(
            brain_wait(space, model_names[n], model_name_lens[n], check_below(version), 0, &got));
        CHECK_U64(got, version);
    }
    CHECK_CODE(brain_wait_space(space, check_stat(held_stores[store]).committed, 0, &got),
               BRAIN_E_TIMEOUT);
}

void reads_clients(void)
{
    brain_client clients[4], self;
    brain_pin pins[HELD_VIEWS];
    size_t n = 0;
    uint32_t n_dead = 9, store = held_any_store();
    CHECK_OK(brain_pins(held_stores[store], pins, HELD_VIEWS, &n));
    CHECK_U64(n, held_count_views());
    CHECK_OK(brain_clients(held_stores[store], clients, 4, &n));
    CHECK_U64(n, HELD_STORES);
    CHECK_OK(brain_self(held_stores[store], &self));
    CHECK_U64(brain_client_lives(held_stores[1 - store], self.row, self.seat), 1);
    CHECK_U64(brain_client_lives(held_stores[1 - store], self.row, self.seat + 1), 0);
    CHECK_OK(brain_reap(held_stores[store], &n_dead));
    CHECK_U64(n_dead, 0);
}
