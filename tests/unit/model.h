/* model.h - what a store should hold that a random program works with: a plain table in memory. */
#ifndef BN_TESTS_MODEL_H
#define BN_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "brain.h"

#define MODEL_SPACES 4
#define MODEL_NAMES  240

struct model_value {
    uint64_t version; /* 0: absent */
    uint64_t size;
    uint64_t seed; /* of its bytes; meta and description follow from it too */
    uint32_t kind;
    uint16_t meta_len;
    uint16_t description_len;
    uint64_t description_seed;
    uint64_t created_ns; /* 0: of its put */
};

struct model_table {
    bool exists[MODEL_SPACES];
    /* How often it was removed: a value knows its namespace until then. */
    uint32_t n_removed[MODEL_SPACES];
    struct model_value values[MODEL_SPACES][MODEL_NAMES];
};

extern struct model_table model_now;
extern uint64_t model_last_version;

extern const char *const model_space_names[MODEL_SPACES];
extern uint8_t *model_names[MODEL_NAMES];
extern size_t model_name_lens[MODEL_NAMES];

extern uint8_t *model_room; /* for the data of one put */
extern uint8_t model_extra[2][65536];

/* Make the names and the room. */
void model_begin(void);
void model_end(void);

/* Bytes and values that are there. */
uint64_t model_live(const struct model_table *table);
uint64_t model_count(const struct model_table *table, uint32_t space);

/* A version that a change was given: later than all before. */
void model_take_version(uint64_t version);

/* When a value is to have been put: 0, now, more often than not. */
uint64_t model_any_time(void);

/* ---- at random, mostly edges */

uint64_t model_any_size(void);
uint16_t model_any_len(void);
uint32_t model_any_space(void);
uint32_t model_any_name(void);

/* A condition, and what it leads to. */
uint64_t model_any_condition(const struct model_value *older, bool is_delete, int *code_out);

/* A new value in the room and extra, as `brain_value` with up to three parts. */
void model_make_value(struct model_value *value, brain_value *out, brain_part parts[3]);

/* NULL keeps what `older` has. */
void model_make_description(struct model_value *value, brain_value *out,
                            const struct model_value *older);

/* ---- checks */

/* A view of the value under this name is as it should be, to the byte. */
void model_check_view(const brain_view *view, const struct model_value *value, uint32_t name);

#endif
