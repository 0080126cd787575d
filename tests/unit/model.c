/* model.c - the table, names and values at random, and what a view should show. */
#include "model.h"

#include "check.h"

#define ROOM_BYTES (5 * CHECK_MIB)

struct model_table model_now;
uint64_t model_last_version = 1;
const char *const model_space_names[MODEL_SPACES] = { "default", "b", "a third one", "d" };
uint8_t *model_names[MODEL_NAMES];
size_t model_name_lens[MODEL_NAMES];
uint8_t *model_room;
uint8_t model_extra[2][65536];

uint64_t model_live(const struct model_table *table)
{
    uint64_t sum = 0;
    for (int s = 0; s < MODEL_SPACES; s++) {
        for (int n = 0; n < MODEL_NAMES; n++) {
            const struct model_value *value = &table->values[s][n];
            uint64_t behind = value->kind == BRAIN_KIND_AWAY ? 8 : 0; /* the version */
            sum += value->version != 0 ? value->size + behind : 0;
        }
    }
    return sum;
}

uint64_t model_count(const struct model_table *table, uint32_t space)
{
    uint64_t n = 0;
    for (int i = 0; i < MODEL_NAMES; i++) {
        n += table->values[space][i].version != 0;
    }
    return n;
}

void model_begin(void)
{
    static const size_t lens[] = { 0,    1,    2,    7,    8,    9,    16,    23,
                                   24,   25,   63,   64,   65,   255,  256,   257,
                                   2007, 2008, 2009, 4095, 4096, 4097, 65534, 65535 };
    model_room = malloc(ROOM_BYTES);
    CHECK(model_room != NULL);
    for (uint32_t i = 0; i < MODEL_NAMES; i++) {
        size_t len =
            i < sizeof lens / sizeof *lens ? lens[i] : 3 + check_below(i % 5 == 0 ? 3000 : 40);
        model_names[i] = malloc(len + 8);
        CHECK(model_names[i] != NULL);
        check_fill(model_names[i], len, i + 7);
        if (len >= 3) { /* all different */
            memcpy(model_names[i], &i, 2);
        }
        model_name_lens[i] = len;
    }
}

void model_end(void)
{
    for (uint32_t i = 0; i < MODEL_NAMES; i++) {
        free(model_names[i]);
    }
    free(model_room);
}

uint64_t model_any_size(void)
{
    static const uint64_t edges[] = { 0,    1,    7,    8,    255,   256,   257,  1023, 1024,
                                      1984, 2007, 2008, 2009, 2048,  2049,  4032, 4095, 4096,
                                      4097, 8191, 8192, 8193, 65535, 65536, 65537 };
    uint64_t dice = check_below(100);
    if (dice < 40) {
        return check_below(64);
    }
    if (dice < 75) {
        return edges[check_below(sizeof edges / sizeof *edges)];
    }
    if (dice < 90) {
        return check_below(3000);
    }
    if (dice < 98) {
        return check_below(40000);
    }
    return CHECK_MIB - 1 + check_below(3) + (check_below(4) == 0 ? check_below(3 * CHECK_MIB) : 0);
}

uint16_t model_any_len(void)
{
    uint64_t dice = check_below(20);
    return (uint16_t)(dice < 12   ? 0
                      : dice < 18 ? check_below(40)
                      : dice < 19 ? check_below(3000)
                                  : check_below(65536));
}

uint64_t model_any_time(void)
{
    return check_below(3) != 0 ? 0 : 1 + check_below(INT64_MAX);
}

void model_make_value(struct model_value *value, brain_value *out, brain_part parts[3])
{
    *value = (struct model_value){ .size = model_any_size(),
                                   .seed = check_random(),
                                   .kind = (uint32_t)check_below(11),
                                   .meta_len = model_any_len(),
                                   .created_ns = model_any_time() };
    check_fill(model_room, value->size, value->seed);
    check_fill(model_extra[0], value->meta_len, value->seed + 1);
    *out = (brain_value){ .kind = value->kind,
                          .meta = model_extra[0],
                          .meta_len = value->meta_len,
                          .parts = parts,
                          .n_parts = 1,
                          .created_ns = value->created_ns };
    parts[0] = (brain_part){ .data = model_room, .size_bytes = value->size };
    if (value->size >= 3 && check_below(3) == 0) {
        size_t a = check_below(value->size), b = a + check_below(value->size - a + 1);
        parts[0].size_bytes = a;
        parts[1] = (brain_part){ .data = model_room + a, .size_bytes = b - a, .align = 1 };
        parts[2] = (brain_part){ .data = model_room + b, .size_bytes = value->size - b };
        out->n_parts = 3;
    }
}

void model_make_description(struct model_value *value, brain_value *out,
                            const struct model_value *older)
{
    if (check_below(3) != 0) {
        out->description = NULL;
        value->description_len = older->version != 0 ? older->description_len : 0;
        value->description_seed = older->version != 0 ? older->description_seed : 0;
        return;
    }
    value->description_len = model_any_len();
    value->description_seed = check_random();
    check_fill(model_extra[1], value->description_len, value->description_seed);
    out->description = model_extra[1];
    out->description_len = value->description_len;
}

void model_check_view(const brain_view *view, const struct model_value *value, uint32_t name)
{
    CHECK_U64(view->version, value->version);
    CHECK_U64(view->size_bytes, value->size);
    CHECK_U64(view->kind, value->kind);
    CHECK_U64(view->meta_len, value->meta_len);
    CHECK_U64(view->description_len, value->description_len);
    CHECK_U64(view->name_len, model_name_lens[name]);
    CHECK(memcmp(view->name, model_names[name], model_name_lens[name]) == 0);
    CHECK(check_is_filled(view->data, value->size, value->seed));
    CHECK(check_is_filled(view->meta, value->meta_len, value->seed + 1));
    CHECK(check_is_filled(view->description, value->description_len, value->description_seed));
    CHECK((uintptr_t)view->data % (value->size >= 256 ? 64 : 8) == 0);
    CHECK(value->created_ns == 0 || view->store == NULL ||
          brain_view_created_ns(view) == value->created_ns);
}

void model_take_version(uint64_t version)
{
    CHECK(version > model_last_version);
    model_last_version = version;
}

uint32_t model_any_space(void)
{
    return (uint32_t)(check_below(3) == 0 ? check_below(MODEL_SPACES) : 0);
}

uint32_t model_any_name(void)
{
    return (uint32_t)(check_below(2) == 0 ? check_below(MODEL_NAMES) : check_below(30));
}

uint64_t model_any_condition(const struct model_value *older, bool is_delete, int *code_out)
{
    *code_out = is_delete && older->version == 0 ? BRAIN_E_NOT_FOUND : 0;
    switch (check_below(6)) {
    case 0:
        if (!is_delete) {
            *code_out = older->version != 0 ? BRAIN_E_EXISTS : 0;
            return 0;
        }
        return BRAIN_ANY_VERSION;
    case 1: /* of another time */
        *code_out = is_delete && older->version == 0 ? BRAIN_E_NOT_FOUND : BRAIN_E_STALE;
        return older->version + 1 + check_below(5);
    case 2:
        return older->version != 0 ? older->version : BRAIN_ANY_VERSION;
    default:
        return BRAIN_ANY_VERSION;
    }
}
