/* script.h - what a program does with a store, as bytes say: every call of brain.h, in any order.
 *
 * Each step is a byte that names a call, and bytes that choose its arguments; where they end, the rest is
 * zeros, and the script ends after the step. Whatever the bytes are, the script uses the calls as brain.h
 * allows, so all that a store can do about it is to answer. Wrong, and the end of the process by abort(), is
 * a code that brain.h does not have, an error without a text, a walk without an end.
 */
#ifndef BN_TESTS_SCRIPT_H
#define BN_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script {
    const uint8_t *at, *end;
};

static inline uint8_t script_byte(struct script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

static inline uint64_t script_number(struct script *script, int n_bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < n_bytes; i++) {
        number |= (uint64_t)script_byte(script) << 8 * i;
    }
    return number;
}

/* Open the store at `path` and do what the script says. `disturb` is a step as well: somebody else writes
 * into the files meanwhile; NULL: nobody does. */
void script_run(struct script *script, const char *path, void (*disturb)(struct script *script));

/* Each step once, in one process, with arguments that follow from `seed`. With one seed of eight values are up
 * to 1 MB large, so that many a store gets full; else up to 16 KB. */
void script_run_all(const char *path, uint64_t seed);

#endif
