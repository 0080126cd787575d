/* copy.c - copies that are too large for one processor.
 *
 * Fresh:    pages of a file that have no memory get it in one of two ways. pwrite() clears none that it fills, but
 *           one thread at a time may write to a file; through a mapping several may, and the kernel clears each page
 *           first. So the caller writes, and the others use the mapping: of the better way alone that takes 0.84 of
 *           the time, and 0.61 with huge pages (docs/design/0003).
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
/* A huge page; some 200 us of work: nobody waits longer for the last one. */
#define PIECE_BYTES (UINT64_C(2) << 20)
#define STACK_BYTES (256u << 10)

/* One copy, of which each thread takes piece after piece: a processor that is needed elsewhere for a while does not
 * keep the others waiting. */
struct job {
    uint8_t *to;
    const uint8_t *from;
    uint64_t size;
    _Atomic uint64_t taken; /* bytes, counted from the boundary of pieces before `to` */

    /* Where `to` may have no memory yet: */
    int fd;
    uint64_t off;      /* of `to` in the file; a piece ends where a huge page does */
    _Atomic int error; /* as base/os.h: no more pieces are taken */
};

struct piece {
    uint64_t at, size;
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

/* The next piece that nobody has; false: there is none, or somebody has failed. The first is short where `off` does not
 * begin a huge page. */
static bool take_piece(struct job *job, struct piece *piece)
{
    uint64_t skipped = job->off % PIECE_BYTES;
    uint64_t begin = bn_add_seq(&job->taken, PIECE_BYTES), end = begin + PIECE_BYTES - skipped;
    piece->at = begin > skipped ? begin - skipped : 0;
    piece->size = (end < job->size ? end : job->size) - piece->at;
    /* relaxed: one piece more does no harm */
    return piece->at < job->size && bn_load_relaxed(&job->error) == 0;
}

static void *copy_pieces(void *arg)
{
    struct job *job = arg;
    struct piece piece;
    while (take_piece(job, &piece)) {
        copy_past_caches(job->to + piece.at, job->from + piece.at, piece.size);
    }
    return NULL;
}

static void write_piece(struct job *job, const struct piece *piece)
{
    int os = bn_os_write(job->fd, job->from + piece->at, piece->size, job->off + piece->at);
    if (os != 0) {
        bn_store_relaxed(&job->error, os); /* relaxed: who asks has joined the threads */
    }
}

static void write_pieces(struct job *job)
{
    struct piece piece;
    while (take_piece(job, &piece)) {
        write_piece(job, &piece);
    }
}

/* Where the kernel cannot back a piece, or has no memory, this thread writes that piece, which says why, and ends: the
 * others take what is left. */
static void *back_pieces(void *arg)
{
    struct job *job = arg;
    struct piece piece;
    while (take_piece(job, &piece)) {
        if (bn_os_back_mapped(job->to + piece.at, piece.size) != 0) {
            write_piece(job, &piece);
            return NULL;
        }
        memcpy(job->to + piece.at, job->from + piece.at, piece.size); /* it is in the caches now */
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

/* The threads of one copy beside its caller's. */
struct crew {
    pthread_t threads[THREADS_MAX - 1];
    uint32_t n;
    int cancel; /* the caller's cancellation state before */
};

/* Start as many as `job` is worth, to do `work`. */
static void start(struct crew *crew, struct job *job, void *(*work)(void *))
{
    uint32_t n = count_threads(job->size) - 1;
    pthread_attr_t attr;
    sigset_t not_ours, before;
    crew->n = 0;
    /* Or a join could end this thread before the others. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &crew->cancel);
    if (pthread_attr_init(&attr) != 0) {
        return;
    }
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* else they have what is usual */
    sigfillset(&not_ours);
    for (uint32_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&not_ours, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &not_ours, &before);
    while (crew->n < n && pthread_create(&crew->threads[crew->n], &attr, work, job) == 0) {
        crew->n++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

static void finish(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->n; i++) {
        pthread_join(crew->threads[i], NULL);
    }
    pthread_setcancelstate(crew->cancel, NULL);
}

void bn_copy_large(void *to, const void *from, uint64_t size)
{
    struct job job = { .to = to, .from = from, .size = size };
    struct crew crew;
    if (size < BN_COPY_LARGE_FROM) {
        memcpy(to, from, size);
        return;
    }
    start(&crew, &job, copy_pieces);
    copy_pieces(&job);
    finish(&crew);
}

int bn_copy_fresh(int fd, uint64_t off, void *to, const void *from, uint64_t size)
{
    struct job job = { .to = to, .from = from, .size = size, .fd = fd, .off = off };
    struct crew crew;
    if (size < BN_COPY_LARGE_FROM) {
        return bn_os_write(fd, from, size, off);
    }
    start(&crew, &job, back_pieces);
    write_pieces(&job);
    finish(&crew);
    return bn_load_relaxed(&job.error); /* relaxed: nobody else is left */
}
