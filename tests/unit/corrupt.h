/* corrupt.h - what test_corrupt_index.c and others share: one record is wrong in one certain way, and a call meets it.
 *
 * Each line of a table is a store of its own, the image IMAGES_REST of tests/fuzz/images.h. What is wrong is
 * written while the store is open here, as somebody else's stray write would; then one call is made, which must
 * say what is wrong. tests/fuzz writes at random; here are the checks that chance finds too seldom.
 *
 * What the tables are made of is many short functions, and bears plain names: `store`, slot_of(), put_new(). So
 * this header comes last: the parameters of others may have these names, too.
 */
#ifndef BN_TESTS_CORRUPT_H
#define BN_TESTS_CORRUPT_H

#include "check.h"
#include "store.h"

/* Numbers of what is far beyond all that there is. */
#define NO_SLOT  0xfffffff0u
#define NO_CELL  0x7ffffff0u
#define NO_SPACE 0x00ffffffu

/* ---- the tables */

struct corrupt_case {
    const char *name;
    void (*damage)(void);
    int (*call)(void);
    int code; /* of the call, and a word that its text has where that is not 0 */
    const char *word;
    void (*before)(void); /* makes something before the damage; or NULL */
};
#define CASE(damage, call, code, word)         CASE_WITH(damage, call, code, word, NULL)
#define CASE_WITH(damage, call, code, word, b) { #damage ", " #call, damage, call, code, word, b }
#define C                                      BRAIN_E_CORRUPT

/* Once, before all. */
void corrupt_begin(void);

/* Each case in a process of its own. `after`, or NULL, lets go of what the program itself may hold of the store. */
void corrupt_run(const struct corrupt_case *cases, size_t n, void (*after)(void));

/* The same store for who has no table: all below is there from corrupt_open() to corrupt_close(). */
void corrupt_open(void);
void corrupt_close(void);

/* ---- what is there */

extern const char *path; /* of the store */
extern brain_store *store;
extern struct bn_state_rec *state;
extern brain_space *one, *two;
extern brain_snapshot *snapshot; /* NULL before take_snapshot() */

/* Of a value, by its name; of a namespace. */
uint32_t slot_of(brain_space *space, const char *name);
struct bn_slot_rec *rec_of(brain_space *space, const char *name);
struct bn_cold_rec *cold_of(brain_space *space, const char *name);
_Atomic uint64_t *word_of(brain_space *space, const char *name);
uint32_t id_of(brain_space *space);
struct bn_space_rec *space_rec(brain_space *space);

/* Of a page of values; the last line of the slots. */
struct bn_block_rec *block_at(uint32_t page);
uint32_t last_line(void);

/* ---- before the damage */

void take_snapshot(void);

/* ---- damage */

void nothing(void);
void each_chain(uint64_t next); /* of the index */
void chains_lead_beyond(void);
void index_counts_too_many_buckets(void);
void word_names_no_slot(void);
void slot_is_of_no_class(void);
void slot_beside_extent_is_longer(void);
void root_is_not_there(void);
void region_ends(enum bn_region region); /* as far as this process knows: it is full */

/* ---- calls: "n9" is small, "big1" is large, and "nobody" is missing, all in `one` */

int get(brain_space *space, const char *name);
int put(brain_space *space, const char *name, size_t size);
int snapshot_get(const char *name); /* of what take_snapshot() took */
int get_small(void);
int snapshot_small(void);
int put_new(void);
int put_over_small(void);
int put_over_large(void);
int delete_small(void);
int walk(void);
int trim(void);
int stat_get(void);
int check(void); /* has to find a problem */

#endif
