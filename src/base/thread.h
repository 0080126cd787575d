/* thread.h - a number that each living thread of a process has to itself: where what is its own lies. */
#ifndef BN_THREAD_H
#define BN_THREAD_H

#include <stdint.h>

#if defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
#define BN_HAS_THREAD_POINTER
#endif
#endif

/* Not a _Thread_local of ours: in a library that is loaded late that is a call, or takes room of which there is hardly
 * any ("cannot allocate memory in static TLS block"). */
static inline uintptr_t bn_thread_here(void)
{
#ifdef BN_HAS_THREAD_POINTER
    return (uintptr_t)__builtin_thread_pointer();
#elif defined(__x86_64__)
    uintptr_t self;
    __asm__("mov %%fs:0, %0" : "=r"(self)); /* the ABI has the pointer to itself there */
    return self;
#else
    static _Thread_local char one;
    return (uintptr_t)&one;
#endif
}

#endif
