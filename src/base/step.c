/* step.c - who is told of steps. Only in a build with -Dsteps=true. */
#include "step.h"

bn_step_fn *bn_step_hook;
