/* value.h - self-describing values: the kinds are in brain.h, their encodings in value.c. */
#ifndef BN_VALUE_H
#define BN_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"

#endif
