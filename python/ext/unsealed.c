/* unsealed.c - memory of objects that are being written, for children of this process.
 *
 * Lock: that of the list; a child may be forked by a thread without the GIL.
 */
#include "unsealed.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plasma/object.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bp_unsealed *first;

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static void map_in_child(const struct bp_unsealed *memory)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)memory->data, end = start + memory->size_bytes;
    uintptr_t from = start / page * page;
    /* Such an object is not in the store before it is sealed, and is inherited. */
    if (memory->size_bytes <= PL_PRIVATE_BYTES) return;
    /* Where it fails there is memory already, or too little: then the buffers cannot be used. */
    (void)mmap((void *)from, end - from, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

static void in_child(void)
{
    for (struct bp_unsealed *each = first; each != NULL; each = each->next) {
        map_in_child(each);
        each->is_inherited = each->is_inherited || !each->is_sealed;
    }
    pthread_mutex_unlock(&lock);
}

static void prepare_for_forks(void)
{
    int failed = pthread_atfork(before_fork, after_fork, in_child);
    (void)failed; /* no memory: children have no such buffers */
}

void bp_unsealed_enlist(struct bp_unsealed *self, void *data, size_t size_bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_for_forks);
    pthread_mutex_lock(&lock);
    *self = (struct bp_unsealed){ .data = data, .size_bytes = size_bytes, .next = first };
    if (first != NULL) first->previous = self;
    first = self;
    pthread_mutex_unlock(&lock);
}

void bp_unsealed_delist(struct bp_unsealed *self)
{
    pthread_mutex_lock(&lock);
    if (self->next != NULL) self->next->previous = self->previous;
    if (self->previous != NULL) {
        self->previous->next = self->next;
    } else {
        first = self->next;
    }
    pthread_mutex_unlock(&lock);
}

void bp_unsealed_note_sealed(struct bp_unsealed *self)
{
    pthread_mutex_lock(&lock);
    self->is_sealed = true;
    pthread_mutex_unlock(&lock);
}
