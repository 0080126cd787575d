/* hashes.c - how many keys of a container have one hash: few, where their writer may be hostile.
 *
 * To put n keys of one hash into a dict takes n * n steps, so they are counted before; in a table of
 * open addressing, at most half full. Where a hash comes to lie in it nobody can choose either.
 */
#include "hashes.h"

#define SAME_HASH_MAX 1000u

struct bp_hash_count {
    uint64_t hash;
    unsigned n; /* 0: nothing is here */
};

bool bp_hashes_begin(struct bp_hashes *hashes, uint64_t n_keys, bool trusted)
{
    *hashes = (struct bp_hashes){ .n_places = 2048 };
    if (trusted || n_keys <= SAME_HASH_MAX) return true;
    while (hashes->n_places < n_keys * 2)
        hashes->n_places *= 2;
    PyObject *text = PyUnicode_FromString("brain_plasma: hashes of keys");
    if (text == NULL) return false;
    hashes->secret = (uint64_t)PyObject_Hash(text) | 1; /* random for each process */
    Py_DECREF(text);
    hashes->counts = PyMem_Calloc(hashes->n_places, sizeof *hashes->counts);
    if (hashes->counts == NULL) PyErr_NoMemory();
    return hashes->counts != NULL;
}

void bp_hashes_end(struct bp_hashes *hashes)
{
    PyMem_Free(hashes->counts);
}

int bp_hashes_count(struct bp_hashes *hashes, PyObject *key)
{
    uint64_t hash = (uint64_t)PyObject_Hash(key);
    if (hash == UINT64_MAX && PyErr_Occurred()) return -1;
    uint64_t mixed = (hash ^ hash >> 32) * hashes->secret;
    size_t place = (size_t)(mixed >> 20) & (hashes->n_places - 1);
    while (hashes->counts[place].n != 0 && hashes->counts[place].hash != hash)
        place = (place + 1) & (hashes->n_places - 1);
    hashes->counts[place].hash = hash;
    return ++hashes->counts[place].n > SAME_HASH_MAX;
}
