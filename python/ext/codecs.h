/* codecs.h - the encoders and decoders of brain_plasma.codecs. */
#ifndef BP_CODECS_H
#define BP_CODECS_H

#include "state.h"

/* Have state->codecs. Returns 0, or -1 with an exception set. */
int bp_codecs_load(struct bp_state *state);

/* The encoder of an exact type: a new reference; NULL with an exception set; NULL without one: there
 * is none. May import modules. The second: the one for a value that is no part of another. */
PyObject *bp_codecs_encoder(struct bp_state *state, PyTypeObject *type);
PyObject *bp_codecs_top_encoder(struct bp_state *state, PyTypeObject *type);

/* Let `encoder` take `value` apart into (name, payload), a tuple of the name, a str, and anything. A
 * new reference; NULL with an exception set; NULL without one: it does not take this one. */
PyObject *bp_codecs_take_apart(PyObject *encoder, PyObject *value);

/* What the decoder `name` makes of `payload`. A new reference, or NULL with an exception set. */
PyObject *bp_codecs_put_together(struct bp_state *state, PyObject *name, PyObject *payload,
                                 bool trusted);

int bp_codecs_traverse(struct bp_state *state, visitproc visit, void *arg);
void bp_codecs_clear(struct bp_state *state);

#endif
