/* lock.pml - the writer lock, taken over from the dead, and the rows of those who may hold it: src/lock.c,
 * client.c (try_seat(), bn_client_leave(), bn_client_claim_dead()), recover.c (begin_burial()).
 *
 * Three clients, two rows: each sits down, takes the lock twice, and leaves. A client may die at any step: the
 * kernel then drops the locks on its life byte and, if it held one, on a claim byte. Whether a row's client
 * lives is one question, and the swap of the lock word, owner and epoch, is another, later.
 *
 * Checked: never two inside of whom both live; who takes the lock over from a dead owner knows it; nobody waits
 * for ever where nobody is inside (no invalid end state); a row is one client's. Defects: M_NO_EPOCH (never
 * raised), M_EPOCH_AT_TAKE_OVER (raised then alone), M_SEAT_OF_OWNER (a row that the lock names is given
 * away), M_NO_CLAIM (a row is reaped or given without its claim), M_NOT_ASKED (nobody asks whether the owner lives).

 */
#define N_CLIENTS 3
#define N_ROWS    2
#define N_ROUNDS  2
#ifndef N_DEATHS
#define N_DEATHS  2
#endif

#define FREE 0
#define USED 1

byte owner, epoch;           /* lock_word: row + 1, as a whole */
byte state[N_ROWS + 1];      /* of rows from 1 */
byte life[N_ROWS + 1], claim[N_ROWS + 1]; /* who has the byte locked */
byte n_deaths, n_inside, left_unfinished, n_gone;

#define DIE \
    if \
    :: n_deaths < N_DEATHS -> n_deaths++; goto dead \
    :: true \
    fi

#ifdef M_NO_EPOCH
#define RAISED(e) (e)
#define RAISED_TO_TAKE_OVER(e) (e)
#elif defined M_EPOCH_AT_TAKE_OVER
#define RAISED(e) (e)
#define RAISED_TO_TAKE_OVER(e) ((e) + 1)
#else
#define RAISED(e) ((e) + 1)
#define RAISED_TO_TAKE_OVER(e) ((e) + 1)
#endif

/* try_seat(): whichever row is free, or a dead client's, as it is: seat_over_dead(). */
inline seat() {
    do
    :: atomic { r = 1 + (r % N_ROWS); DIE;
           if
           :: life[r] == 0 /* bn_client_alive(): asked first */
           :: life[r] != 0 -> goto next
           fi };
        atomic { DIE;
           if
#ifdef M_NO_CLAIM
           :: true
#else
           :: claim[r] == 0 -> claim[r] = me
           :: claim[r] != 0 -> goto next
#endif
           fi };
#ifdef M_LOOKS_BEFORE
        atomic { DIE; wrong = (owner == r) };
        atomic { DIE; if :: !wrong && life[r] == 0 -> life[r] = me; ok = 1 :: else -> ok = 0 fi; wrong = 0 };
#else
        atomic { DIE; if :: life[r] == 0 -> life[r] = me; ok = 1 :: else -> ok = 0 fi };
#endif
#ifndef M_SEAT_OF_OWNER
        /* Now that nobody else can be seated there: whoever was may have died with the lock. */
#ifndef M_LOOKS_BEFORE
        atomic { DIE; if :: ok && owner == r -> life[r] = 0; ok = 0 :: else fi };
#endif
#endif
        atomic { DIE; if :: ok -> assert(life[r] == me); state[r] = USED :: else fi };
        atomic { DIE; if :: claim[r] == me -> claim[r] = 0 :: else fi; if :: ok -> break :: else fi };
next:
        /* Asked again when something has changed. */
        atomic { (claim[1] == 0 && life[1] == 0 && owner != 1) ||
                 (claim[2] == 0 && life[2] == 0 && owner != 2) || n_gone == N_CLIENTS - 1 ->
            if :: n_gone == N_CLIENTS - 1 -> goto over :: else fi }
    od
}

/* begin_burial(): of the row that was taken over from. */
inline bury(b) {
    atomic { DIE;
        if
#ifndef M_NO_CLAIM
        :: claim[b] != 0 -> ok = 0
        :: claim[b] == 0 -> claim[b] = me; ok = 1
#else
        :: true -> ok = 1
#endif
        fi };
    atomic { DIE; ok = ok && state[b] == USED && life[b] == 0 };
    atomic { DIE; if :: ok -> assert(life[b] == 0); state[b] = FREE :: else fi };
    atomic { DIE; if :: claim[b] == me -> claim[b] = 0 :: else fi; ok = 0 }
}

inline acquire() {
    do
    :: atomic { owner == 0 -> o = 0; e = epoch }; /* bn_lock_try_to(): load */
        atomic { DIE;
            if
            :: owner == o && epoch == e -> owner = r; epoch = RAISED(e); died = 0; n_inside++; break
            :: else -> e = 0
            fi }
    :: atomic { owner != 0 && owner != r -> o = owner; e = epoch }; /* try_take_over() */
        atomic { DIE;
#ifdef M_NOT_ASKED
            ok = 1
#else
            ok = life[o] == 0
#endif
        };
        if
        :: atomic { !ok -> (owner != o || epoch != e || life[o] == 0) -> o = 0; e = 0 }
        :: atomic { ok -> ok = 0; DIE;
               if
               :: owner == o && epoch == e -> owner = r; epoch = RAISED_TO_TAKE_OVER(e); died = o; n_inside++; break
               :: else -> o = 0; e = 0
               fi }
        fi
    od;
    atomic { o = 0; e = 0; assert(n_inside == 1) }
}

active [N_CLIENTS] proctype client() {
    byte me = _pid + 1, r, o, e, died, n;
    bit ok, wrong;
    r = me % N_ROWS;
    seat();
    do
    :: n < N_ROUNDS ->
        acquire();
        atomic { DIE; if :: left_unfinished -> assert(died != 0); left_unfinished = 0 :: else fi };
        if
        :: died != 0 -> bury(died)
        :: died == 0
        fi;
        atomic { DIE; assert(owner == r && n_inside == 1); died = 0 };
        /* bn_lock_release() */
        atomic { DIE; assert(owner == r); owner = 0; n_inside--; n++ }
    :: n == N_ROUNDS -> break
    od;
    /* bn_client_leave(): first the state, then the lock of the life byte. */
    atomic { DIE; assert(state[r] == USED); state[r] = FREE };
    atomic { life[r] = 0; n_gone++ };
    goto over;
dead:
    atomic {
        if :: life[1] == me -> life[1] = 0 :: else fi;
        if :: life[2] == me -> life[2] = 0 :: else fi;
        if :: claim[1] == me -> claim[1] = 0 :: else fi;
        if :: claim[2] == me -> claim[2] = 0 :: else fi;
        if
        :: r != 0 && owner == r && n_inside == 1 && state[r] == USED && life[r] == 0 -> n_inside = 0; left_unfinished = 1
        :: else
        fi;
        n_gone++
    };
over:
    skip
}
