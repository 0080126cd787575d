/* copy.c - copies that are too large for one processor.
 *
 * Fork:     of another thread while a copy is under way: in the child neither its caller nor its threads exist.
 * Memory:   a large copy goes past the caches (x86): a line that is stored whole need not be fetched, and what others
 *           have there stays. Such stores are ordered by a fence alone, with which each piece ends.
 */
#include "base/copy.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/os.h"

/* Not where a sanitizer is to see each access. */
#if defined __SSE2__ && !defined BN_THREAD_SANITIZER && !defined BN_ADDRESS_SANITIZER
#include <emmintrin.h>
#define PAST_CACHES
#endif

#define BYTES_A_THREAD (BN_COPY_LARGE_FROM / 2)
#define THREADS_MAX    4u
#define PIECE_BYTES                                                                                \
    (UINT64_C(2) << 20) /* some 200 us of work: nobody waits longer for the last one */
#define STACK_BYTES (256u << 10)

/* One copy, of which each thread takes piece after piece: a processor that is needed elsewhere for a while does not
 * keep the others waiting. */
struct job {
    uint8_t *to;
    const uint8_t *from;
    uint64_t size;
    _Atomic uint64_t taken; /* bytes */
};

#ifdef PAST_CACHES
#define LINE 64u
/* So far ahead lines are fetched; where that is beyond the end it does no harm. Into all caches, as a load would: past
 * them (NTA) Intel's processors take twice as long. */
#define FETCH_AHEAD 2048u

/* Copy as many lines as `to`, which is aligned to one, has whole. Returns how many bytes those are. */
static uint64_t copy_lines(uint8_t *to, const uint8_t *from, uint64_t size)
{
    uint64_t at = 0;
    for (; at + LINE <= size; at += LINE) {
        const __m128i *line = (const void *)(from + at);
        __m128i *place = (void *)(to + at);
        _mm_prefetch((const void *)((uintptr_t)from + at + FETCH_AHEAD), _MM_HINT_T0);
        __m128i a = _mm_loadu_si128(line), b = _mm_loadu_si128(line + 1);
        __m128i c = _mm_loadu_si128(line + 2), d = _mm_loadu_si128(line + 3);
        _mm_stream_si128(place, a);
        _mm_stream_si128(place + 1, b);
        _mm_stream_si128(place + 2, c);
        _mm_stream_si128(place + 3, d);
    }
    _mm_sfence(); /* before whatever publishes the bytes */
    return at;
}

static void copy_past_caches(uint8_t *to, const uint8_t *from, uint64_t size)
{
    uint64_t head = -(uintptr_t)to % LINE;
    head = head < size ? head : size;
    memcpy(to, from, head);
    uint64_t done = head + copy_lines(to + head, from + head, size - head);
    memcpy(to + done, from + done, size - done);
}
#else
static void copy_past_caches(uint8_t *to, const uint8_t *from, uint64_t size)
{
    memcpy(to, from, size);
}
#endif

static void *copy_pieces(void *arg)
{
    struct job *job = arg;
    uint64_t at;
    while ((at = bn_add_seq(&job->taken, PIECE_BYTES)) < job->size) {
        uint64_t left = job->size - at;
        copy_past_caches(job->to + at, job->from + at, left < PIECE_BYTES ? left : PIECE_BYTES);
    }
    return NULL;
}

static uint32_t count_threads(uint64_t size)
{
    uint64_t n = size / BYTES_A_THREAD;
    n = n < THREADS_MAX ? n : THREADS_MAX;
    uint32_t n_processors = bn_os_n_processors();
    return n < n_processors ? (uint32_t)n : n_processors;
}

/* What a copy itself may raise, where the caller's memory is not there: it is the process's to handle. */
static const int faults[] = { SIGSEGV, SIGBUS };

/* Start up to `n` threads. Returns how many were started. */
static uint32_t start(struct job *job, pthread_t *threads, uint32_t n)
{
    pthread_attr_t attr;
    sigset_t not_ours, before;
    uint32_t n_started = 0;
    if (pthread_attr_init(&attr) != 0) {
        return 0;
    }
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* else they have what is usual */
    sigfillset(&not_ours);
    for (uint32_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&not_ours, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &not_ours, &before);
    while (n_started < n && pthread_create(&threads[n_started], &attr, copy_pieces, job) == 0) {
        n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return n_started;
}

void bn_copy_large(void *to, const void *from, uint64_t size)
{
    struct job job = { .to = to, .from = from, .size = size };
    pthread_t others[THREADS_MAX - 1];
    int cancel;
    if (size < BN_COPY_LARGE_FROM) {
        memcpy(to, from, size);
        return;
    }
    /* Or a join could end this thread before the others. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    uint32_t n_started = start(&job, others, count_threads(size) - 1);
    copy_pieces(&job);
    for (uint32_t i = 0; i < n_started; i++) {
        pthread_join(others[i], NULL);
    }
    pthread_setcancelstate(cancel, NULL);
}
