/* ask.h - a confirmation before what cannot be undone. */
#ifndef BC_ASK_H
#define BC_ASK_H

#include "command.h"

/* Ask whether to go on: "QUESTION [y/N] ". Returns 0: yes, or --yes was given; or BC_REFUSED, and where there is no
 * terminal to ask on it has been said that it takes --yes. */
__attribute__((format(printf, 2, 3))) int bc_ask(const struct bc_context *context,
                                                 const char *format, ...);

#endif
