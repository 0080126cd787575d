/* fate.h - chance and time, made repeatable.
 *
 * The programs that contain this module have a getrandom() and a clock_gettime() of their own, which the library
 * calls.
 * So the stores of a scene have the same identity and the same seed of hashes each time, and an
 * operation takes the same way through them, instruction by instruction.
 */
#ifndef CRASH_FATE_H
#define CRASH_FATE_H

#include <stdint.h>

/* From here on getrandom() gives what follows from `seed`. */
void fate_decide(uint64_t seed);

/* From here on it is `ns` nanoseconds after 1970, and stays so. Other clocks go on. */
void fate_stop_time(uint64_t ns);

#endif
