/* value.h - a value as it is to be shown: also one that is away in a file. */
#ifndef BC_VALUE_H
#define BC_VALUE_H

#include <brain.h>
#include <brain_disk.h>
#include <stdbool.h>

#include "command.h"

/* What a pinned view says of its value, with kind and size of the value itself where that is away. */
struct bc_facts {
    uint32_t kind;
    uint64_t size_bytes;
    bool is_away;
};

/* Returns 0, or a code of the library. */
int bc_value_facts(const brain_view *view, struct bc_facts *facts_out);

/* What counts against the capacity. */
uint64_t bc_taken_bytes(const brain_stat *stat);

/* A value that is held: its view, and its bytes, wherever they are. */
struct bc_value {
    brain_view view;
    brain_recalled recalled; /* data NULL: it is not away */
    uint32_t kind;
    const void *data;
    uint64_t size_bytes;
};

/* Get a name. Returns 0, or an exit status, and it has been said why. To be given to bc_value_drop(). */
int bc_value_get(struct bc_context *context, brain_space *space, const void *name, size_t name_len,
                 struct bc_value *value_out);
void bc_value_drop(struct bc_value *value);

/* Whether a namespace is the library's own, which nobody is shown who has not asked for all. */
bool bc_is_own_space(const void *name, size_t len);

/* Say that there is no such name, or no namespace such as the command line means, and return BC_NO. */
int bc_say_no_space(const struct bc_context *context);
int bc_say_no_name(const struct bc_context *context, const void *name, size_t name_len);

/* Say that a value is being written, and return BC_NO. */
int bc_say_unsealed(const struct bc_context *context);

/* As bc_fail(), of a call that changes a name: EXISTS and STALE are said in words of their own. */
int bc_fail_name(const struct bc_context *context, int code, const void *name, size_t name_len);

/* As bc_fail(), of a call of brain_disk.h. */
int bc_fail_disk(const struct bc_context *context, int code, const char *about);

#endif
