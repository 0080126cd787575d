/* test_look.c - what brain_object_look(), brain_objects() and brain_writer() tell: of every state, and
 * beside writers (G60). */
#include "check.h"

#include <pthread.h>

#include "lock.h"
#include "slot.h"
#include "space.h"

static brain_store *store;
static brain_space *space;

static void put(brain_space *in, const char *name, size_t size)
{
    static uint8_t bytes[200000];
    CHECK_OK(brain_put_bytes(in, name, strlen(name), bytes, size));
}

static brain_view get(brain_space *in, const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(in, name, strlen(name), &view));
    return view;
}

static brain_object_info look(brain_store *by, uint32_t object)
{
    brain_object_info info = { .struct_size = sizeof info };
    CHECK_OK(brain_object_look(by, object, &info));
    CHECK_U64(info.object, object);
    return info;
}

static int try_look(uint32_t object)
{
    brain_object_info info = { .struct_size = sizeof info };
    return brain_object_look(store, object, &info);
}

/* How many objects with this name there are in these states; the last is left in `info_out`. `room` at a time. */
static size_t find(brain_store *by, uint32_t states, const char *name, size_t room,
                   brain_object_info *info_out)
{
    brain_object_info infos[64] = { { .struct_size = sizeof infos[0] } };
    uint32_t cursor = 0;
    size_t n, n_found = 0;
    int err;
    CHECK(room <= 64);
    while ((err = brain_objects(by, states, &cursor, infos, room, &n)) == 0) {
        CHECK(n > 0 && n <= room);
        for (size_t i = 0; i < n; i++) {
            CHECK((infos[i].state & states) != 0 && infos[i].struct_size == sizeof infos[i]);
            if (name == NULL || strcmp(infos[i].name, name) == 0) {
                *info_out = infos[i];
                n_found++;
            }
        }
    }
    CHECK(err == BRAIN_E_NOT_FOUND && n == 0);
    CHECK_CODE(brain_objects(by, states, &cursor, infos, room, &n), BRAIN_E_NOT_FOUND);
    return n_found;
}

static void begin(void)
{
    store = check_open(check_path(), 64 * CHECK_MIB);
    space = check_space(store, "default");
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- states */

static void check_is_view(const brain_object_info *info, const brain_view *view, uint32_t state)
{
    CHECK_U64(info->state, state);
    CHECK_U64(info->object, view->object);
    CHECK_U64(info->version, view->version);
    CHECK_U64(info->size_bytes, view->size_bytes);
    CHECK_U64(info->kind, view->kind);
    CHECK_U64(info->name_len, view->name_len);
    CHECK_U64(info->created_ns, brain_view_created_ns(view));
    CHECK_U64(info->client, BRAIN_NO_CLIENT);
    size_t n = view->name_len < 255 ? view->name_len : 255;
    CHECK_U64(info->name_there, n);
    CHECK(memcmp(info->name, view->name, n) == 0 && info->name[n] == '\0');
}

/* Inline in both shapes, with pages of its own, and with the name in those. */
static void test_what_is_live(brain_store *by)
{
    static char long_name[5000];
    brain_object_info info;
    memset(long_name, 'l', sizeof long_name - 1);
    const struct {
        const char *name;
        size_t size;
        uint64_t pages;
    } of[] = { { "", 0, 0 },           { "small", 20, 0 },
               { "larger", 1000, 0 },  { "large", 100000, 25 },
               { long_name, 5000, 3 }, { long_name + 4700, 200, 0 } };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        put(space, of[i].name, of[i].size);
        brain_view view = get(space, of[i].name);
        info = look(by, view.object);
        check_is_view(&info, &view, BRAIN_OBJECT_LIVE);
        CHECK_U64(info.memory_bytes, of[i].pages * 4096);
        CHECK(info.space_len == 7 && strcmp(info.space, "default") == 0);
        brain_view_drop(&view);
    }
    CHECK_U64(find(by, BRAIN_OBJECT_LIVE, NULL, 3, &info), sizeof of / sizeof of[0]);
    CHECK_U64(find(by, BRAIN_OBJECT_LIVE, "large", 1, &info), 1);
    CHECK_U64(find(by, BRAIN_OBJECT_LIMBO | BRAIN_OBJECT_DRAFT, "large", 1, &info), 0);
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        CHECK_OK(brain_delete(space, of[i].name, strlen(of[i].name), BRAIN_ANY_VERSION));
    }
    CHECK_U64(find(by, BRAIN_OBJECT_LIVE, NULL, 3, &info), 0);
}

static void test_what_a_view_keeps(size_t size, bool is_deleted)
{
    static char name[3000];
    brain_object_info info;
    memset(name, 'n', sizeof name - 1);
    for (int i = 0; i < 2; i++, memcpy(name, "short", 6)) {
        put(space, name, size);
        brain_view view = get(space, name);
        if (is_deleted) {
            CHECK_OK(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION));
        } else {
            put(space, name, size + 1);
        }
        info = look(store, view.object);
        check_is_view(&info, &view, BRAIN_OBJECT_LIMBO);
        CHECK(strcmp(info.space, "default") == 0);
        CHECK(info.retired >= check_stat(store).committed);
        CHECK_U64(info.gen, bn_slot_view(store, view.object)->gen);
        CHECK_U64(find(store, BRAIN_OBJECT_LIMBO, info.name, 1, &info), 1);
        CHECK_U64(find(store, BRAIN_OBJECT_LIVE, info.name, 1, &info), !is_deleted);
        uint32_t object = view.object;
        brain_view_drop(&view);
        CHECK_OK(brain_trim(store, NULL));
        CHECK_CODE(try_look(object), BRAIN_E_NOT_FOUND);
        if (!is_deleted) {
            CHECK_OK(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION));
        }
    }
}

static void test_what_was_moved_away(void)
{
    brain_object_info info;
    put(space, "moved", 90000);
    brain_view view = get(space, "moved"), stands;
    CHECK_OK(brain_move_away(&view, "elsewhere", 9));
    info = look(store, view.object);
    check_is_view(&info, &view, BRAIN_OBJECT_LIMBO);
    stands = get(space, "moved");
    CHECK_U64(stands.version, view.version);
    info = look(store, stands.object);
    check_is_view(&info, &stands, BRAIN_OBJECT_LIVE);
    CHECK(info.size_bytes == 9 && info.memory_bytes == 0);
    brain_view_drop(&view);
    brain_view_drop(&stands);
    CHECK_OK(brain_delete(space, "moved", 5, BRAIN_ANY_VERSION));
}

static void test_removed_namespaces(void)
{
    brain_object_info info;
    brain_space *gone = check_space(store, "gone"), *next;
    put(gone, "kept", 70000);
    put(gone, "x", 20);
    brain_view view = get(gone, "kept");
    CHECK_OK(brain_space_remove(gone));
    info = look(store, view.object);
    check_is_view(&info, &view, BRAIN_OBJECT_LIMBO);
    CHECK(info.space_len == 0 && info.space[0] == '\0');
    CHECK(info.retired == 0 || info.retired >= check_stat(store).committed);
    CHECK_OK(brain_trim(store, NULL));
    next = check_space(store, "next"); /* has the record of the other */
    put(next, "y", 20);
    brain_view other = get(next, "y");
    CHECK_U64(bn_slot_view(store, other.object)->space, bn_slot_view(store, view.object)->space);
    info = look(store, view.object);
    CHECK(info.state == BRAIN_OBJECT_LIMBO && info.space_len == 0);
    info = look(store, other.object);
    CHECK(info.state == BRAIN_OBJECT_LIVE && strcmp(info.space, "next") == 0);
    brain_view_drop(&view);
    brain_view_drop(&other);
    CHECK_OK(brain_space_remove(next));
    brain_space_close(gone);
    brain_space_close(next);
}

static void test_drafts_of_another_process(void)
{
    brain_object_info info;
    brain_client clients[8];
    struct check_gate made = check_gate_new();
    size_t n;
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_object *object;
        CHECK_OK(brain_create(store, 50000, &object));
        check_gate_open(&made);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&made);
    CHECK_U64(find(store, BRAIN_OBJECT_DRAFT, "", 2, &info), 1);
    CHECK_OK(brain_clients(store, clients, 8, &n));
    size_t n_its = 0;
    for (size_t i = 0; i < n && i < 8; i++) {
        n_its += clients[i].row == info.client && clients[i].pid == pid;
    }
    CHECK_U64(n_its, 1);
    CHECK(info.size_bytes == 50000 && info.memory_bytes == 13 * 4096 && info.version == 0);
    CHECK(info.name_len == 0 && info.space_len == 0);
    info = look(store, info.object);
    CHECK_U64(info.state, BRAIN_OBJECT_DRAFT);
    CHECK_U64(find(store, BRAIN_OBJECT_LIVE | BRAIN_OBJECT_LIMBO, "", 2, &info), 0);
    check_kill(pid);
    CHECK_U64(find(store, BRAIN_OBJECT_DRAFT, NULL, 2, &info), 1);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(find(store, BRAIN_OBJECT_DRAFT, NULL, 2, &info), 0);
    CHECK_OK(brain_trim(store, NULL)); /* takes free memory private */
    CHECK_CODE(try_look(info.object), BRAIN_E_NOT_FOUND);
    check_gate_free(&made);
}

static void test_numbers_of_nothing(void)
{
    brain_object_info info = { .struct_size = 4 };
    uint32_t cursor = 0;
    size_t n;
    CHECK_CODE(brain_object_look(store, 1, &info), BRAIN_E_INVAL);
    CHECK_CODE(brain_objects(store, BRAIN_OBJECT_ANY, &cursor, &info, 1, &n), BRAIN_E_INVAL);
    info.struct_size = sizeof info;
    CHECK_CODE(brain_objects(store, 0, &cursor, &info, 1, &n), BRAIN_E_INVAL);
    CHECK_CODE(brain_objects(store, 8, &cursor, &info, 1, &n), BRAIN_E_INVAL);
    CHECK_CODE(brain_objects(store, BRAIN_OBJECT_ANY, &cursor, &info, 0, &n), BRAIN_E_INVAL);
    put(space, "x", 20);
    uint64_t end_of_slots = bn_load_relaxed(&store->slots_backed) / BN_LINE;
    size_t n_found = 0;
    for (uint32_t slot = 0; slot < end_of_slots + 100; slot++) {
        int err = try_look(slot);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        n_found += err == 0;
    }
    CHECK_U64(n_found, 1);
    CHECK_CODE(try_look(UINT32_MAX), BRAIN_E_NOT_FOUND);
    /* A caller of an older library, which has less room. */
    brain_view view = get(space, "x");
    memset(&info, 0x5a, sizeof info);
    info.struct_size = offsetof(brain_object_info, name_len);
    CHECK_OK(brain_object_look(store, view.object, &info));
    CHECK(info.object == view.object && info.name_len == 0x5a5a5a5a);
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
}

/* ---- a writer that stands still after its commit, before it has tidied */

static void test_tidying_under_way(void)
{
    brain_object_info info;
    struct bn_state_rec *state = store->state;
    put(space, "tidied", 20);
    brain_view old = get(space, "tidied");
    put(space, "tidied", 30);
    brain_view new = get(space, "tidied");
    struct bn_cold_rec *fresh = bn_slot_cold(store, new.object);
    struct bn_cold_rec *older = bn_slot_cold(store, old.object);
    const uint32_t was[2] = { fresh->state_owner, older->state_owner };
    for (uint32_t of_fresh = BN_SLOT_FREE; of_fresh <= BN_SLOT_LIMBO; of_fresh += BN_SLOT_LIMBO) {
        fresh->state_owner = of_fresh;
        older->state_owner = BN_SLOT_LIVE;
        bn_store_release(&bn_slot_at(store, new.object)->pending, (uint8_t)1);
        bn_store_release(&state->counts, (uint64_t)1 << 22);
        CHECK_U64(find(store, BRAIN_OBJECT_LIVE, "tidied", 4, &info), 1);
        check_is_view(&info, &new, BRAIN_OBJECT_LIVE);
        CHECK_U64(find(store, BRAIN_OBJECT_LIMBO, "tidied", 4, &info), 1);
        check_is_view(&info, &old, BRAIN_OBJECT_LIMBO);
        /* Of a fresh slot the mark goes first. */
        bn_store_release(&bn_slot_at(store, new.object)->pending, (uint8_t)0);
        CHECK_U64(find(store, BRAIN_OBJECT_LIVE, "tidied", 4, &info), 1);
        check_is_view(&info, &new, BRAIN_OBJECT_LIVE);
        bn_store_release(&bn_slot_at(store, new.object)->pending, (uint8_t)1);
        /* Before the commit: the old one. */
        uint64_t committed = bn_load_relaxed(&state->committed);
        bn_store_release(&state->committed, committed - 1);
        CHECK_U64(find(store, BRAIN_OBJECT_ANY, "tidied", 4, &info), 1);
        check_is_view(&info, &old, BRAIN_OBJECT_LIVE);
        bn_store_release(&state->committed, committed);
    }
    bn_store_release(&state->counts, (uint64_t)0);
    bn_store_release(&bn_slot_at(store, new.object)->pending, (uint8_t)0);
    fresh->state_owner = was[0];
    older->state_owner = was[1];
    brain_view_drop(&old);
    brain_view_drop(&new);
    CHECK_OK(brain_delete(space, "tidied", 6, BRAIN_ANY_VERSION));
}

/* ---- what a death may leave, or a writer be at */

static void test_what_is_no_value(void)
{
    static char long_name[3000];
    brain_object_info info;
    struct bn_state_rec *state = store->state;
    memset(long_name, 'o', sizeof long_name - 1);
    put(space, "x", 20);
    put(space, long_name, 20);
    brain_view small = get(space, "x"), out = get(space, long_name);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, long_name, strlen(long_name), BRAIN_ANY_VERSION));
    CHECK_U64(look(store, small.object).state, BRAIN_OBJECT_LIMBO);

    /* A slot of limbo that is just being filled again, for replace.c. */
    uint64_t n_uses = bn_load_relaxed(&state->n_uses);
    bn_store_relaxed(&state->n_uses, (uint64_t)bn_slot_view(store, small.object)->gen);
    CHECK_CODE(try_look(small.object), BRAIN_E_NOT_FOUND);
    bn_store_relaxed(&state->n_uses, n_uses);

    /* One that was undone. */
    struct bn_cold_rec *cold = bn_slot_cold(store, small.object);
    uint64_t stamp = cold->stamp;
    cold->stamp = small.version;
    CHECK_CODE(try_look(small.object), BRAIN_E_NOT_FOUND);
    cold->stamp = stamp;

    /* One whose value has gone; one whose name has gone with its extent, which is another's by now. */
    cold = bn_slot_cold(store, out.object);
    cold->value_gone = 1;
    CHECK_CODE(try_look(out.object), BRAIN_E_NOT_FOUND);
    cold->value_gone = 0;
    info = look(store, out.object);
    CHECK(strlen(info.name) == 255 && info.name_there == 255);
    struct bn_block_rec *block =
        (struct bn_block_rec *)(void *)bn_region_at(store, BN_REGION_BLOCKS) +
        bn_slot_view(store, out.object)->page;
    block->owner++;
    info = look(store, out.object);
    CHECK(info.name[0] == '\0' && info.name_there == 0 && info.name_len == strlen(long_name));
    block->owner--;

    /* A cell that was never taken, in a slab that was another class's. */
    uint32_t slab = small.object / BN_SLAB_LINES;
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    CHECK((rec->free_word >> 32 & 0xffff) > 0);
    uint32_t last =
        slab * BN_SLAB_LINES + rec->shape.first_line + (rec->shape.n_slots - 1u) * rec->shape.lines;
    memcpy(bn_slot_at(store, last), bn_slot_at(store, small.object), BN_LINE);
    cold = bn_slot_cold(store, last);
    const struct bn_cold_rec was = *cold;
    *cold = *bn_slot_cold(store, small.object);
    CHECK_CODE(try_look(last), BRAIN_E_NOT_FOUND);
    *cold = was;
    memset(bn_slot_at(store, last), 0, BN_LINE);

    /* Free memory that is being given back. */
    brain_object *object;
    CHECK_OK(brain_create(store, 5000, &object));
    CHECK_U64(find(store, BRAIN_OBJECT_DRAFT, NULL, 1, &info), 1);
    bn_slot_at(store, info.object)->size_low = 0;
    CHECK_CODE(try_look(info.object), BRAIN_E_NOT_FOUND);
    bn_slot_at(store, info.object)->size_low = 5000;
    brain_object_release(object);
    brain_view_drop(&small);
    brain_view_drop(&out);
}

static void test_damage_is_said(void)
{
    brain_object_info info;
    put(space, "x", 20);
    brain_view view = get(space, "x");
    struct bn_slot_rec *rec = bn_slot_at(store, view.object);
    struct bn_cold_rec *cold = bn_slot_cold(store, view.object);
    const struct bn_slot_rec was = *rec;
    const uint32_t state_owner = cold->state_owner;
    uint32_t cursor = 0;
    size_t n;
    for (int i = 0; i < 5; i++) {
        if (i == 0) {
            cold->state_owner = 7;
        } else if (i == 1) {
            rec->space = 0x00ffffff;
        } else if (i == 2) {
            rec->size_low = 2000;
            rec->name_len = 40000;
        } else if (i == 3) {
            rec->number = UINT64_MAX;
        } else {
            rec->flags = BN_SLOT_EXTENT | BN_SLOT_BODY_OUT;
            rec->page = UINT32_MAX;
        }
        CHECK_CODE(try_look(view.object), BRAIN_E_CORRUPT);
        CHECK_DETAIL("makes no sense");
        info.struct_size = sizeof info;
        CHECK_CODE(brain_objects(store, BRAIN_OBJECT_LIVE, &cursor, &info, 1, &n), BRAIN_E_CORRUPT);
        CHECK(n == 0 && cursor > view.object);
        CHECK_CODE(brain_objects(store, BRAIN_OBJECT_LIVE, &cursor, &info, 1, &n),
                   BRAIN_E_NOT_FOUND);
        cursor = 0;
        *rec = was;
        cold->state_owner = state_owner;
    }
    uint16_t *lines = &bn_slab_at(store, view.object / BN_SLAB_LINES)->shape.lines;
    ++*lines;
    CHECK_CODE(try_look(view.object), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_objects(store, BRAIN_OBJECT_LIVE, &cursor, &info, 1, &n), BRAIN_E_CORRUPT);
    --*lines;
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
}

/* An object is shown all the same; but where what says its name lies beyond all there is. */
static void test_damaged_entries_of_namespaces(void)
{
    brain_space *other = check_space(store, "other");
    put(space, "x", 20);
    put(other, "x", 20);
    brain_view view = get(space, "x"), others = get(other, "x");
    struct bn_space_rec *its = bn_space_at(store, bn_slot_view(store, view.object)->space);
    const uint32_t entry = bn_load_relaxed(&its->entry);
    const uint32_t others_id = bn_slot_view(store, others.object)->space;
    struct bn_slot_rec *rec = bn_slot_at(store, entry);
    const struct bn_slot_rec was = *rec;
    brain_object_info info = look(store, view.object);
    CHECK(strcmp(info.space, "default") == 0);
    struct bn_space_id_rec *leads_to = (void *)((uint8_t *)rec + BN_SLOT_HEAD);
    const struct bn_space_id_rec led_to = *leads_to;
    for (int i = 0; i < 7; i++) {
        if (i == 0) {
            rec->kind = BRAIN_KIND_BYTES;
        } else if (i == 5) {
            leads_to->gen++;
        } else if (i == 6) {
            bn_store_release(&its->entry, UINT32_MAX);
        } else if (i == 1) {
            rec->space = others_id;
        } else if (i == 2) {
            rec->name_len = 1000;
        } else if (i == 3) {
            rec->size_low = 4;
        } else {
            bn_store_release(&its->entry, bn_load_relaxed(&bn_space_at(store, others_id)->entry));
        }
        info = look(store, view.object);
        CHECK(info.state == BRAIN_OBJECT_LIVE && info.size_bytes == 20);
        CHECK(info.space_len == 0 && info.space[0] == '\0');
        *rec = was;
        *leads_to = led_to;
        bn_store_release(&its->entry, entry);
    }
    /* It is being filled, as far as one can tell, and that comes to no end. */
    struct bn_cold_rec *cold = bn_slot_cold(store, entry);
    const uint32_t state_owner = cold->state_owner;
    uint64_t n_uses = bn_load_relaxed(&store->state->n_uses);
    cold->state_owner = BN_SLOT_LIMBO;
    bn_store_release(&store->state->n_uses, (uint64_t)rec->gen);
    CHECK(look(store, view.object).space_len == 0);
    bn_store_release(&store->state->n_uses, n_uses);
    cold->state_owner = state_owner;
    rec->flags |= BN_SLOT_EXTENT;
    rec->page = UINT32_MAX;
    CHECK_CODE(try_look(view.object), BRAIN_E_CORRUPT);
    *rec = was;
    CHECK(strcmp(look(store, view.object).space, "default") == 0);
    brain_view_drop(&view);
    brain_view_drop(&others);
    CHECK_OK(brain_space_remove(other));
    brain_space_close(other);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
}

/* What stands for a value says which version that is of: of none, of a later one; or it is said to lie where no slot
 * reaches. */
static void test_damage_of_what_was_moved_away(void)
{
    put(space, "", 90000);
    brain_view view = get(space, ""), stands;
    CHECK_OK(brain_move_away(&view, "elsewhere", 9));
    brain_view_drop(&view);
    stands = get(space, "");
    struct bn_slot_rec *rec = bn_slot_at(store, stands.object);
    uint8_t *version = (uint8_t *)rec + BN_SLOT_HEAD + 9;
    const struct bn_slot_rec was = *rec;
    uint8_t its[BN_SLOT_VERSION_BYTES];
    memcpy(its, version, sizeof its);
    for (int i = 0; i < 5; i++) {
        if (i < 2) {
            memset(version, i == 0 ? 0 : 0xff, sizeof its);
        } else if (i == 2) {
            rec->size_low = BN_SLOT_VERSION_BYTES;
        } else {
            rec->size_low = i == 3 ? 5000 : BN_INLINE_MAX - BN_SLOT_HEAD + 8;
        }
        CHECK_CODE(try_look(stands.object), BRAIN_E_CORRUPT);
        CHECK_DETAIL("makes no sense");
        memcpy(version, its, sizeof its);
        *rec = was;
    }
    CHECK_U64(look(store, stands.object).size_bytes, 9);
    brain_view_drop(&stands);
    CHECK_OK(brain_delete(space, "", 0, BRAIN_ANY_VERSION));
}

/* A draft is of a client that there can be. */
static void test_damage_of_a_draft(void)
{
    brain_object *object;
    brain_object_info info;
    CHECK_OK(brain_create(store, 50000, &object));
    CHECK_U64(find(store, BRAIN_OBJECT_DRAFT, NULL, 2, &info), 1);
    uint32_t draft = info.object;
    struct bn_cold_rec *cold = bn_slot_cold(store, draft);
    const uint32_t state_owner = cold->state_owner;
    cold->state_owner = (state_owner & 0xff) | BN_CLIENTS_MAX << 8;
    CHECK_CODE(try_look(draft), BRAIN_E_CORRUPT);
    cold->state_owner = (state_owner & 0xff) | BN_NOBODY << 8;
    CHECK_U64(look(store, draft).client, BRAIN_NO_CLIENT);
    cold->state_owner = state_owner;
    CHECK_U64(look(store, draft).state, BRAIN_OBJECT_DRAFT);
    brain_object_release(object);
    CHECK_OK(brain_trim(store, NULL));
}

/* ---- the writer */

static void test_who_has_the_lock(brain_store *other, brain_store *reader)
{
    brain_client client, self;
    uint64_t epoch, again;
    CHECK_CODE(brain_writer(store, &client, &epoch), BRAIN_E_NOT_FOUND);
    CHECK(bn_lock_try(other));
    CHECK_OK(brain_self(other, &self));
    CHECK_OK(brain_writer(store, &client, &epoch));
    CHECK(client.row == self.row && client.pid == getpid() && client.alive == 1);
    CHECK_OK(brain_writer(reader, &client, &again));
    CHECK_U64(again, epoch);
    /* And nothing here waits for it. */
    CHECK_U64(find(reader, BRAIN_OBJECT_ANY, "nobody", 4, &(brain_object_info){ 0 }), 0);
    bn_lock_release(other);
    CHECK(bn_lock_try(other));
    CHECK_OK(brain_writer(store, &client, &again));
    CHECK(again > epoch);
    CHECK_OK(brain_writer(store, &client, NULL));
    CHECK_U64(client.row, self.row);
    bn_lock_release(other);
    CHECK_CODE(brain_writer(reader, &client, NULL), BRAIN_E_NOT_FOUND);
    bn_store_release(&store->state->lock_word, BN_LOCK_OWNER);
    CHECK_CODE(brain_writer(store, &client, NULL), BRAIN_E_CORRUPT);
    bn_store_release(&store->state->lock_word, (uint64_t)0);
}

static void test_numbers_of_snapshots(void)
{
    brain_snapshot *snapshots[2];
    brain_client self;
    uint64_t numbers[BRAIN_SNAPSHOTS_MAX];
    size_t n;
    CHECK_OK(brain_self(store, &self));
    CHECK_OK(brain_client_snapshots(store, self.row, numbers, &n));
    CHECK_U64(n, 0);
    CHECK_OK(brain_snapshot_open(store, &snapshots[0]));
    put(space, "x", 20);
    CHECK_OK(brain_snapshot_open(store, &snapshots[1]));
    CHECK_OK(brain_client_snapshots(store, self.row, numbers, &n));
    CHECK(n == 2 && numbers[0] == brain_snapshot_number(snapshots[0]) &&
          numbers[1] == brain_snapshot_number(snapshots[1]) && numbers[0] < numbers[1]);
    brain_snapshot_close(snapshots[0]);
    brain_snapshot_close(snapshots[1]);
    brain_store *gone = check_open(check_path(), CHECK_MIB);
    CHECK_OK(brain_destroy(gone));
    CHECK_CODE(brain_client_snapshots(gone, 0, numbers, &n), BRAIN_E_DESTROYED);
    brain_close(gone);
    CHECK_OK(brain_client_snapshots(store, UINT32_MAX, numbers, &n));
    CHECK_U64(n, 0);
    CHECK_OK(brain_delete(space, "x", 1, BRAIN_ANY_VERSION));
}

/* ---- many */

#define N_MANY 20000u

static void test_each_is_met_once(void)
{
    static uint8_t seen[N_MANY];
    brain_object_info infos[7] = { { .struct_size = sizeof infos[0] } };
    brain_batch *batch;
    uint32_t cursor = 0;
    size_t n, n_all = 0;
    memset(seen, 0, sizeof seen);
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t i = 0; i < N_MANY; i++) {
        brain_part part = { .data = seen, .size_bytes = i % 1500 };
        brain_value value = { .n_parts = 1, .parts = &part };
        CHECK_OK(brain_batch_put(batch, space, &i, sizeof i, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    while (brain_objects(store, BRAIN_OBJECT_ANY, &cursor, infos, 7, &n) == 0) {
        for (size_t i = 0; i < n; i++, n_all++) {
            uint32_t name;
            CHECK(infos[i].name_len == sizeof name);
            memcpy(&name, infos[i].name, sizeof name);
            CHECK(name < N_MANY && seen[name]++ == 0);
            CHECK_U64(infos[i].size_bytes, name % 1500);
        }
    }
    CHECK_U64(n_all, N_MANY);
    CHECK_OK(brain_space_remove(space));
}

/* ---- beside writers, each with a handle of its own, as a process has */

#define N_WRITERS  3u
#define N_STANDING 500u

static const char *race_path;
static _Atomic bool race_ends;

/* All that is told of a value follows from its size. */
static void race_name(char name[600], uint32_t writer, uint32_t size)
{
    int n = snprintf(name, 600, "w%u-%u-", writer, size);
    memset(name + n, 'a' + (int)(size % 26), size % 500);
    name[n + (int)(size % 500)] = '\0';
}

static void race_put(brain_space *in, uint32_t writer, uint32_t size)
{
    static const uint8_t zeros[20000];
    char name[600];
    brain_part part = { .data = zeros, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_RAW + 100 + size % 7,
                          .n_parts = 1,
                          .parts = &part,
                          .created_ns = 1000 + size };
    race_name(name, writer, size);
    CHECK_OK(brain_put(in, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL));
}

/* One name over and over: in limbo its slots are filled again where they lie. */
static void race_put_small(brain_space *in, uint32_t writer, uint32_t size)
{
    static const uint8_t zeros[200];
    char name[4] = { 'p', (char)('0' + writer), '\0' };
    brain_part part = { .data = zeros, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_RAW + 100 + size % 7, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_put(in, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL));
}

static void *write_all_the_time(void *number)
{
    uint32_t writer = (uint32_t)(uintptr_t)number;
    uint64_t random = writer;
    brain_store *own = check_open_with(race_path, 0, BRAIN_OPEN_EXISTING);
    brain_space *in = check_space(own, "race");
    char name[600];
    for (uint32_t i = 0; !bn_load_relaxed(&race_ends); i++) {
        uint32_t size = (uint32_t)(check_mix(random++) % 40);
        size = i % 7 == 0 ? size * 400 : size * 20;
        race_put(in, writer, size);
        race_put_small(in, writer, size % 200);
        if (i % 3 == 0) {
            race_name(name, writer, size);
            CHECK_OK(brain_delete(in, name, strlen(name), BRAIN_ANY_VERSION));
        }
        if (i % 64 == 0) { /* so that slabs are cut anew */
            brain_space *gone = check_space(own, writer == 0 ? "g0" : "g1");
            race_put(gone, 9, size);
            int err = brain_space_remove(gone);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
            brain_space_close(gone);
            CHECK_OK(brain_trim(own, NULL));
        }
    }
    brain_space_close(in);
    brain_close(own);
    return NULL;
}

static void check_is_whole(const brain_object_info *info)
{
    char name[600];
    unsigned writer, size;
    CHECK(info->state == BRAIN_OBJECT_LIMBO || info->state == BRAIN_OBJECT_LIVE);
    if (info->name[0] == '\0') {
        CHECK(info->state == BRAIN_OBJECT_LIMBO);
        return;
    }
    if (info->name[0] == 'p') {
        CHECK(info->name_len == 2 && info->size_bytes < 200 && info->created_ns > 1000000);
        CHECK_U64(info->kind, BRAIN_KIND_RAW + 100 + info->size_bytes % 7);
        return;
    }
    CHECK(sscanf(info->name, "w%u-%u-", &writer, &size) == 2);
    race_name(name, writer, size);
    CHECK_U64(info->name_len, strlen(name));
    name[255] = '\0';
    CHECK(strcmp(name, info->name) == 0);
    CHECK_U64(info->size_bytes, size);
    CHECK_U64(info->kind, BRAIN_KIND_RAW + 100 + size % 7);
    CHECK_U64(info->created_ns, 1000 + size);
    CHECK(info->space_len == 0 || strcmp(info->space, writer == 9 ? "g0" : "race") == 0 ||
          (writer == 9 && strcmp(info->space, "g1") == 0));
    CHECK(writer != 8 || info->state == BRAIN_OBJECT_LIVE);
}

static void test_beside_writers(uint32_t n_rounds)
{
    static uint32_t seen[N_STANDING];
    static brain_object_info infos[64];
    pthread_t threads[N_WRITERS];
    begin();
    race_path = brain_path(store);
    brain_store *reader = check_open_with(race_path, 0, BRAIN_OPEN_EXISTING | BRAIN_OPEN_READ_ONLY);
    brain_space *in = check_space(store, "race");
    for (uint32_t i = 0; i < N_STANDING; i++) {
        race_put(in, 8, i);
    }
    bn_store_relaxed(&race_ends, false);
    for (uintptr_t i = 0; i < N_WRITERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, write_all_the_time, (void *)i) == 0);
    }
    for (uint32_t round = 0; round < n_rounds; round++) {
        uint32_t cursor = 0;
        size_t n;
        int err;
        infos[0].struct_size = sizeof infos[0];
        while ((err = brain_objects(round % 2 == 0 ? store : reader,
                                    BRAIN_OBJECT_LIVE | BRAIN_OBJECT_LIMBO, &cursor, infos, 64,
                                    &n)) == 0) {
            for (size_t i = 0; i < n; i++) {
                check_is_whole(&infos[i]);
                if (infos[i].name[0] == 'w' && infos[i].name[1] == '8') {
                    CHECK(infos[i].size_bytes < N_STANDING);
                    seen[infos[i].size_bytes]++;
                }
            }
        }
        CHECK_CODE(err, BRAIN_E_NOT_FOUND);
        for (uint32_t i = 0; i < N_STANDING; i++) {
            CHECK_U64(seen[i], round + 1);
        }
    }
    bn_store_relaxed(&race_ends, true);
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    brain_space_close(in);
    brain_close(reader);
    end();
}

int main(void)
{
    check_begin();
    begin();
    bool has_processes = getenv("TEST_THREADS_ONLY") == NULL; /* tests/race/tsan */
    brain_store *reader =
        check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING | BRAIN_OPEN_READ_ONLY);
    brain_store *other = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
    test_what_is_live(store);
    test_what_is_live(reader);
    static const size_t sizes[] = { 20, 1000, 100000 };
    for (size_t i = 0; i < 3; i++) {
        test_what_a_view_keeps(sizes[i], true);
        test_what_a_view_keeps(sizes[i], false);
    }
    test_what_was_moved_away();
    test_removed_namespaces();
    if (has_processes) {
        test_drafts_of_another_process();
    }
    test_numbers_of_nothing();
    test_tidying_under_way();
    test_what_is_no_value();
    test_damage_is_said();
    test_damaged_entries_of_namespaces();
    test_damage_of_what_was_moved_away();
    test_damage_of_a_draft();
    test_who_has_the_lock(other, reader);
    test_numbers_of_snapshots();
    test_each_is_met_once();
    brain_close(other);
    brain_close(reader);
    end();
    test_beside_writers(has_processes ? 300 : 60);
    return 0;
}
