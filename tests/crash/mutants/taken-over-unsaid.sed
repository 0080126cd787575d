# Who waits awake takes the lock over from the dead and does not say so: nobody buries its owner, and wakes who waits.
# file: src/lock.c
# run: test_lock
# says: check_stat(store).n_recoveries is
/^static bool wait_awake(/,/^}/ {
    s/if (bn_lock_try_to(store, keep_waiters)) {/if (bn_lock_try_to(store, keep_waiters) || try_take_over(store, \&(uint32_t){ 0 })) {/
}
