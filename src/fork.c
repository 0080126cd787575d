/* fork.c - a forked child is a client of its own from its first moment.
 *
 * Before the fork the parent takes a row for the child and locks its life byte through a page that
 * the child will inherit, and copies its own pins there; pins of other threads go to both
 * meanwhile. After the fork the parent unmaps its copy of that page: the lock is then the child's
 * alone. So there is no moment in which the child's inherited views are unpinned, and none in which
 * a dead child's row looks alive.
 *
 * Owns:     the list of this process's stores, and its mutex, which a fork holds from its first
 *           handler to its last. Whoever sits down on a row holds it too (bn_fork_hold()): a child
 *           that inherited the page or the descriptor of that would make the dead seem to live.
 *           Also a descriptor in reserve, while a store is open.
 * Crash:    the parent dies before or in the fork: the row is USED and its byte unlocked, and is
 *           reaped.
 * Orphans:  where no row can be had the child gets the life byte and the pins alone. Its calls say
 *           FORKED, but what it inherited stays until it ends, and its own children, who inherit
 *           that page as well, have ended; whoever comes by buries them (pin.c).
 * A child that came about in another way (a raw clone) finds `mark` wiped, and its calls say
 * FORKED. So does one that could not even get the pages for its pins: its views are as safe as its
 * parent's. vfork() and posix_spawn() run no handlers: they cost nothing.
 */
#include "fork.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "client.h"
#include "count.h"
#include "event.h"
#include "hits.h"
#include "pin.h"
#include "recover.h"
#include "slot.h"

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct brain_store *stores;
static int install_result;

/* ---- a descriptor that is kept: to lock a child's life takes one, and a process that has used up its limit
 * forks all the same. With the mutex held. */

static struct bn_file spare = { .fd = -1 };

static void keep_spare(void)
{
    struct stat st;
    if (!bn_os_same_file(spare.fd, spare.device, spare.inode)) {
        spare.fd = bn_os_file_of_ones_own();
        if (fstat(spare.fd, &st) == 0) {
            spare.device = st.st_dev;
            spare.inode = st.st_ino;
        }
    }
}

/* Whether there was one; then somebody may have its number now. */
static bool give_spare(void)
{
    bool is_ours = bn_os_same_file(spare.fd, spare.device, spare.inode);
    if (is_ours) {
        close(spare.fd);
    }
    spare.fd = -1;
    return is_ours;
}

/* ---- the fork */

/* A row, or at least a life. Reaps earlier children: who forks all day must not use up rows and
 * pages. */
static int seat_child(struct brain_store *store, struct bn_seat *seat)
{
    uint32_t n_dead;
    int err = bn_client_seat(store, false, seat, &n_dead);
    if (err != 0 && give_spare()) {
        err = bn_client_seat(store, false, seat, &n_dead);
    }
    if ((n_dead > 0 || err != 0) && store->data != NULL) {
        (void)bn_recover_reap(store, false, NULL);
        err = err != 0 ? bn_client_seat(store, false, seat, &n_dead) : 0;
    }
    if (err != 0) {
        snprintf(store->no_child_row, sizeof store->no_child_row, "%s", brain_error_detail());
        bn_recover_reap_orphans(store);
        err = bn_client_seat_orphan(store, seat);
    }
    return err;
}

static void prepare_store(struct brain_store *store)
{
    struct bn_seat seat;
    store->has_child_seat = false;
    if (bn_load_relaxed(store->mark) != 1) {
        return; /* an orphan: its pins have a life already, which the child inherits */
    }
    store->no_child_row[0] = '\0';
    if (seat_child(store, &seat) != 0) {
        return;
    }
    if (bn_pin_mirror_begin(store, seat.row) != 0) {
        snprintf(store->no_child_row, sizeof store->no_child_row, "%s", brain_error_detail());
        bn_os_unmap(seat.life_map, BN_PAGE);
        return;
    }
    store->has_child_seat = true;
    store->child_row = seat.row;
    store->child_life_map = seat.life_map;
}

static void prepare(void)
{
    pthread_mutex_lock(&list_mutex);
    for (struct brain_store *store = stores; store != NULL; store = store->next) {
        prepare_store(store);
    }
    bn_store_pool_hold();
}

static void in_parent(void)
{
    bn_store_pool_let_go();
    for (struct brain_store *store = stores; store != NULL; store = store->next) {
        if (store->has_child_seat) {
            bn_pin_mirror_end(store, false);
            bn_os_unmap(store->child_life_map, BN_PAGE);
        }
    }
    if (stores != NULL) {
        keep_spare();
    }
    pthread_mutex_unlock(&list_mutex);
}

static void in_child(void)
{
    bn_count_forget_threads();
    bn_store_pool_renew();
    for (struct brain_store *store = stores; store != NULL; store = store->next) {
        bn_ready_clear(store); /* another thread may have been at it */
        bn_hits_forget(store); /* they are the parent's, as what is counted there */
        bn_count_forget(store);
        bn_event_forget(store);
        if (!store->has_child_seat) {
            bn_store_init_mutex(store);
            continue; /* `mark` is wiped: calls say so */
        }
        bn_pin_mirror_end(store, true);
        if (store->child_row >= BN_CLIENTS_MAX) {
            continue; /* an orphan; the page that keeps it alive is mapped until it ends */
        }
        store->row = store->child_row;
        store->n_forks++;
        store->has_leftovers = false;
        store->life_map = store->child_life_map; /* the parent's was not inherited */
        (void)bn_os_dont_fork(store->life_map, BN_PAGE);
        bn_client_sign(store, store->row);
        bn_store_seq(store->mark, 1u);
    }
    if (stores != NULL) {
        keep_spare();
    }
    pthread_mutex_init(&list_mutex, NULL); /* its owner is the parent's thread */
}

static void install(void)
{
    install_result = pthread_atfork(prepare, in_parent, in_child);
}

int bn_fork_hold(void)
{
    pthread_once(&once, install);
    if (install_result != 0) {
        return bn_error(BRAIN_E_NOMEM,
                        "no memory to prepare for fork(): pthread_atfork() failed (%s). Free some "
                        "memory of this process, then start it again",
                        strerror(install_result));
    }
    pthread_mutex_lock(&list_mutex);
    return 0;
}

void bn_fork_let_go(void)
{
    pthread_mutex_unlock(&list_mutex);
}

void bn_fork_enlist(struct brain_store *store)
{
    pthread_mutex_lock(&list_mutex);
    store->next = stores;
    stores = store;
    keep_spare();
    pthread_mutex_unlock(&list_mutex);
}

void bn_fork_delist(struct brain_store *store)
{
    pthread_mutex_lock(&list_mutex);
    for (struct brain_store **at = &stores; *at != NULL; at = &(*at)->next) {
        if (*at == store) {
            *at = store->next;
            break;
        }
    }
    if (stores == NULL) {
        (void)give_spare();
    }
    pthread_mutex_unlock(&list_mutex);
}
