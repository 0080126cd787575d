/* texts.c - short texts that are kept for further recalls.
 *
 * Keys of dicts, and names of encoders, are the same in many values: their objects are shared, which
 * saves the making, and the hash. A table without chains: a text that comes to the place of another
 * takes it.
 */
#include "texts.h"

#include <string.h>

#define N_TEXTS 512 /* a power of two */

struct bp_text {
    PyObject *text; /* owned; NULL: nothing is here */
    uint8_t size_bytes;
    char utf8[BP_TEXTS_MAX_BYTES];
};

static size_t place_of(const char *utf8, size_t size)
{
    uint64_t mixed = size, word;
    for (; size > 8; utf8 += 8, size -= 8) {
        memcpy(&word, utf8, 8);
        mixed = (mixed ^ word) * 0x9e3779b97f4a7c15u;
        mixed ^= mixed >> 32;
    }
    word = 0;
    for (size_t i = 0; i < size; i++)
        word = word << 8 | (unsigned char)utf8[i];
    mixed = (mixed ^ word) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 40) % N_TEXTS;
}

BP_NOINLINE static PyObject *make(struct bp_state *state, const char *utf8, size_t size)
{
    PyObject *text = PyUnicode_DecodeUTF8(utf8, (Py_ssize_t)size, NULL);
    if (text == NULL) return NULL;
    if (state->texts == NULL) {
        state->texts = PyMem_Calloc(N_TEXTS, sizeof *state->texts);
        if (state->texts == NULL) return text;
    }
    struct bp_text *entry = &state->texts[place_of(utf8, size)];
    PyObject *old = entry->text;
    entry->text = Py_NewRef(text);
    entry->size_bytes = (uint8_t)size;
    memcpy(entry->utf8, utf8, size);
    Py_XDECREF(old);
    return text;
}

PyObject *bp_texts_get(struct bp_state *state, const char *utf8, size_t size)
{
    if (state->texts != NULL) {
        const struct bp_text *entry = &state->texts[place_of(utf8, size)];
        if (entry->text != NULL && entry->size_bytes == size &&
            memcmp(entry->utf8, utf8, size) == 0) {
            return Py_NewRef(entry->text);
        }
    }
    return make(state, utf8, size);
}

void bp_texts_forget(struct bp_state *state)
{
    struct bp_text *texts = state->texts;
    state->texts = NULL;
    for (size_t i = 0; texts != NULL && i < N_TEXTS; i++)
        Py_XDECREF(texts[i].text);
    PyMem_Free(texts);
}
