/* json.h - JSON to stdout, by jansson. */
#ifndef BC_JSON_H
#define BC_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Add a name to an object as `key`; and where it is not UTF-8, `key`_hex beside it. */
void bc_json_name(json_t *object, const char *key, const void *bytes, size_t len);

/* Add others. Numbers above INT64_MAX, which JSON of many cannot hold, become null; so does a time of 0. */
void bc_json_text(json_t *object, const char *key,
                  const char *text); /* any bytes, as bc_json_name() */
void bc_json_number(json_t *object, const char *key, uint64_t number);
void bc_json_signed(json_t *object, const char *key, int64_t number);
void bc_json_known(json_t *object, const char *key, uint64_t number); /* 0: null */
void bc_json_real(json_t *object, const char *key, double number);
void bc_json_bool(json_t *object, const char *key, int is_true);
void bc_json_time(json_t *object, const char *key, uint64_t ns);

/* Print what a name has become: name, namespace, version, size. */
void bc_json_print_put(const char *space, const void *name, size_t name_len, uint64_t version,
                       uint64_t size_bytes);

/* Print a value as one line, and free it. */
void bc_json_print(json_t *value);

/* An array whose items are printed one by one, one a line, and freed: begin, items, end. */
struct bc_json_array {
    int has_items;
};
void bc_json_begin(struct bc_json_array *array);
void bc_json_item(struct bc_json_array *array, json_t *value);
void bc_json_end(struct bc_json_array *array);

#endif
