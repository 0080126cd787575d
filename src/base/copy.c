/* copy.c - copies that are too large for one processor.
 *
 * Fork:     of another thread while a copy is under way: in the child neither its caller nor its threads exist.
 * Memory:   each share is a memcpy() that is large itself, which the C library makes past the caches.
 */
#include "base/copy.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/os.h"

#define SHARE_MIN   (UINT64_C(16) << 20)
#define SHARES_MAX  4u
#define STACK_BYTES (256u << 10)

struct share {
    uint8_t *to;
    const uint8_t *from;
    uint64_t size;
    pthread_t thread;
};

static void *copy_share(void *arg)
{
    const struct share *share = arg;
    memcpy(share->to, share->from, share->size);
    return NULL;
}

static uint32_t count_shares(uint64_t size)
{
    uint64_t n = size / SHARE_MIN;
    n = n < SHARES_MAX ? n : SHARES_MAX;
    uint32_t n_processors = n > 1 ? bn_os_n_processors() : 1;
    return n < n_processors ? (uint32_t)n : n_processors;
}

/* What a copy itself may raise, where the caller's memory is not there: it is the process's to handle. */
static const int faults[] = { SIGSEGV, SIGBUS };

/* Start a thread for each share but the first. Returns how many were started. */
static uint32_t start(struct share *shares, uint32_t n)
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
    for (; n_started + 1 < n; n_started++) {
        struct share *share = &shares[n_started + 1];
        if (pthread_create(&share->thread, &attr, copy_share, share) != 0) {
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return n_started;
}

void bn_copy_large(void *to, const void *from, uint64_t size)
{
    struct share shares[SHARES_MAX];
    uint32_t n = count_shares(size);
    int cancel;
    if (n < 2) {
        memcpy(to, from, size);
        return;
    }
    uint64_t step = size / n & ~UINT64_C(4095);
    for (uint32_t i = 0; i < n; i++) {
        shares[i].to = (uint8_t *)to + i * step;
        shares[i].from = (const uint8_t *)from + i * step;
        shares[i].size = i + 1 < n ? step : size - i * step;
    }
    /* Or a join could end this thread before the others. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    uint32_t n_started = start(shares, n);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || i > n_started) {
            copy_share(&shares[i]);
        }
    }
    for (uint32_t i = 1; i <= n_started; i++) {
        pthread_join(shares[i].thread, NULL);
    }
    pthread_setcancelstate(cancel, NULL);
}
