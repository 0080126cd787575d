/* commit.pml - one commit point, what readers see of it, and how memory comes back: src/txn.c, journal.c,
 * replace.c, reclaim.c, read.c, snap.c, recover.c, with the names that things have there.
 *
 * Two names, a word of the index for each. Writers put, delete, change both at once, replace small values
 * by slots that are ready, give up half-way, advance the number, clear tombstones and reclaim limbo; one reader
 * gets a name, another both: as get of many and as a snapshot. Any writer may die at any store, and whoever takes the
 * lock over recovers; it may die of that, too.
 *
 * A step is one access to a word that a reader loads, or one load of a word that a reader stores. What only
 * the holder of the lock sees (journal, states, sets) is stored in the step that comes before, with a
 * place to die at before each store (STEP, CRASH).
 *
 * Checked: a get, and a get of many, return what was the committed state at one moment between call and
 * return (so: old or new, both names or none, never the old after the new); nothing is filled or freed
 * that a reader may look at; in the end, after a last recovery, each slot is in its slab or is the value of
 * its name, and each name has the value that was committed last.
 *
 * What is enabled: -DPUT, DELETE, BATCH, MIXED, REPLACE, RECLAIM, TOMBS, ADVANCE are what writers choose from;
 * -DABORT: and they may give up; -DVALUES: reclaim may free a value before its record. N_OPS changes by each
 * writer, N_DEATHS deaths, N_SLOTS slots. -DGET: a reader of one name; -DMANY, SNAPSHOT: a reader of both.
 * Writers are alike, so the first is the first to die. M_...: a defect.
 *
 * -DTRACE: the steps are those that a process tells (accept.py makes it of what the library recorded):
 * whatever it tells, a writer or a reader here has to be able to do.
 */
#ifndef N_SLOTS
#define N_SLOTS 5
#endif
#ifndef N_OPS
#define N_OPS 1
#endif
#ifndef N_GETS
#define N_GETS 1
#endif
#ifndef N_DEATHS
#define N_DEATHS 1
#endif
#ifndef N_WRITERS
#define N_WRITERS 2
#endif
#ifndef N_READERS
#define N_READERS 2
#endif
#ifndef N_NUMBERS
#define N_NUMBERS 8
#endif
#ifndef N_THERE
#define N_THERE 2       /* names that have a value in the beginning */
#endif
#define N_NOTES 12
#define N_CLIENTS (N_WRITERS + N_READERS)
#define NONE 255

#define FREE  0
#define LIVE  1
#define LIMBO 2

#define OF_WORD  0
#define OF_SLAB  1
#define OF_LIMBO 2
#define OF_TOMBS 3
#define OF_STATE 4
#define OF_GONE  5
#define OF_COUNT 6

#define NOTHING   0
#define PUTS      1
#define DELETES   2

/* ---- what is shared: state page, index, slots */

byte committed = 1, txn_number;
byte word[2];
byte number[N_SLOTS + 1], older[N_SLOTS + 1], stamp[N_SLOTS + 1], gen[N_SLOTS + 1], state[N_SLOTS + 1];
bit pending[N_SLOTS + 1], tomb[N_SLOTS + 1], older_absent[N_SLOTS + 1], value_gone[N_SLOTS + 1];
bit in_slab[N_SLOTS + 1], in_limbo[N_SLOTS + 1], in_tombs[N_SLOTS + 1];

byte n_limbo;

byte n_undo, n_publish, n_tidied; /* state.counts, one word */
bit tidying;
byte note_of[N_NOTES], note_at[N_NOTES], note_old[N_NOTES];
byte rec_fresh[2], rec_older[2];
bit rec_swaps;

byte lock_word; /* the owner; 0: free */
bit alive[N_CLIENTS + 2];
byte n_snaps, snap[N_CLIENTS + 1];
byte pin[2 * N_CLIENTS + 2]; /* two for each client, from 2 on */

/* ---- what only the properties are about */

byte n_deaths, writers_done, readers_done;
short was[2 * N_NUMBERS];    /* by name and number: the value, 0: absent */
byte used[3 * N_CLIENTS + 3]; /* slots that a client may look at: two results, one on the way */
byte older_gen[N_SLOTS + 1]; /* of `older`, when that was noted */

#define VALUE(s)   (((s) == 0 || tomb[s]) -> 0 : (s) + (N_SLOTS + 1) * gen[s])
#define WAS(n, k)  was[(n) * N_NUMBERS + (k)]
#define PIN(c, i)  pin[2 * (c) + (i)]
#define USED(c, i) used[3 * (c) + (i)]

/* ---- steps */

#ifdef TRACE
#include "labels.pml"
chan tell = [0] of { byte, byte, byte, byte };
#define STEP(what, a, b) \
    if \
    :: tell?step_##what, eval(me), eval(a), eval(b) -> turn = 0 \
    :: tell?step_died, eval(me), eval(0), eval(0) -> goto dead \
    fi
#define CRASH   skip
#define EXPECT(what) true
#define COUNT_OP
#define FAILS   true /* somebody was faster: it tries again */
byte turn; /* whose step is told next: nobody chooses what to do before he has to */
byte next_what;
#define MY_TURN (turn == me)
#define IN_ONE  atomic {
#define DONE    }
#else
#define CRASH \
    if \
    :: n_deaths < N_DEATHS && (me == 1 || n_deaths > 0) && me <= N_WRITERS -> n_deaths++; goto dead \
    :: true \
    fi
#define STEP(what, a, b) CRASH
#define EXPECT(what) what
#define COUNT_OP n_ops++
#define FAILS   false
#define MY_TURN true
#define IN_ONE
#define DONE
#endif

/* A reader's: it may be left in the middle, but does not die here. */
#ifdef TRACE
#define LOOK(what, a, b) STEP(what, a, b)
#else
#define LOOK(what, a, b) skip
#endif

/* ---- journal.c */

#define IS_EMPTY (n_undo == 0 && n_publish == 0 && n_tidied == 0 && !tidying)

inline note(what, at, was_it) {
    note_of[n_undo] = what;
    note_at[n_undo] = at;
    note_old[n_undo] = was_it;
    n_undo++;
    CRASH
}

inline journal_begin() {
    STEP(begin, committed + 1, 0);
    assert(IS_EMPTY);
    txn_number = committed + 1
}

inline journal_clear() {
    STEP(clear, 0, 0);
    d_step { n_undo = 0; n_publish = 0; n_tidied = 0; tidying = 0; rec_swaps = 0;
             rec_fresh[0] = 0; rec_fresh[1] = 0; rec_older[0] = 0; rec_older[1] = 0;
             i = 0; for (i : 0 .. N_NOTES - 1) { note_of[i] = 0; note_at[i] = 0; note_old[i] = 0 }; i = 0 }
}

inline journal_tidied() {
    STEP(tidied, 0, 0);
    n_undo = 0;
    n_tidied++
}

inline restore(k) {
    if
    :: note_of[k] == OF_WORD -> word[note_at[k]] = note_old[k]
    :: note_of[k] == OF_SLAB -> in_slab[note_at[k]] = note_old[k]
    :: note_of[k] == OF_LIMBO -> in_limbo[note_at[k]] = note_old[k]
    :: note_of[k] == OF_TOMBS -> in_tombs[note_at[k]] = note_old[k]
    :: note_of[k] == OF_STATE -> state[note_at[k]] = note_old[k]
    :: note_of[k] == OF_GONE -> value_gone[note_at[k]] = note_old[k]
    :: note_of[k] == OF_COUNT -> n_limbo = note_old[k]
    fi
}

inline journal_undo() {
    atomic { STEP(undo, 0, 0) };
    do
    :: atomic { n_undo != 0 ->
           CRASH;
#ifdef M_UNDO_COUNTS_FIRST
           n_undo--;
           CRASH;
           restore(n_undo)
#elif defined M_UNDO_OLDEST_FIRST
           d_step { k = 0; do :: k < n_undo -> restore(k); k++ :: else -> break od; k = 0 };
           n_undo = 0
#else
           restore(n_undo - 1);
           CRASH;
           n_undo--
#endif
       }
    :: atomic { n_undo == 0 -> break }
    od
}

/* ---- properties */

/* Nobody may be looking at slot s: it is filled, or freed. */
inline must_be_unused(s) {
    d_step {
        k = 0;
        do
        :: k < 3 * N_CLIENTS + 3 -> assert(used[k] != s); k++
        :: else -> break
        od;
        k = 0
    }
}

inline value_must_be_unused(s) {
    d_step {
        k = 1;
        do
        :: k <= N_CLIENTS -> assert(USED(k, 0) != s && USED(k, 1) != s); k++
        :: else -> break
        od;
        k = 0
    }
}

/* At the commit: what each name has from this number on. */
inline remember() {
    d_step {
        WAS(0, txn_number) = WAS(0, txn_number - 1);
        WAS(1, txn_number) = WAS(1, txn_number - 1);
        k = 0;
        do
        :: k < n_publish ->
            if
            :: word[0] == rec_fresh[k] -> WAS(0, txn_number) = VALUE(rec_fresh[k])
            :: else -> assert(word[1] == rec_fresh[k]); WAS(1, txn_number) = VALUE(rec_fresh[k])
            fi;
            k++
        :: else -> break
        od;
        k = 0
    }
}

/* ---- lock.c (by itself: lock.pml) */

inline lock_acquire() {
    do
    :: atomic { EXPECT(lock_word == 0) && MY_TURN -> STEP(lock_try, 0, 0);
           if
           :: lock_word == 0 -> lock_word = me; break
           :: FAILS
           fi }
    :: atomic { EXPECT(lock_word != 0 && !alive[lock_word]) && MY_TURN -> STEP(take_over, 0, 0);
           if
           :: lock_word != 0 && !alive[lock_word] -> lock_word = me; break
           :: FAILS
           fi }
#ifdef TRACE
    :: MY_TURN -> STEP(lock_wait, 0, 0)
#endif
    od
}

inline lock_release() {
    atomic { STEP(lock_release, 0, 0); assert(lock_word == me && IS_EMPTY); lock_word = 0 }
}

/* ---- snap.c and pin.c, as writers look at them */

/* bn_snap_look(): `lowest` of those who read as of a commit, seen[base] and on of each, 0: none. */
inline snap_look(lowest, base) {
    atomic { STEP(look_snaps, 0, 0); lowest = NONE; c = 0;
             d_step { i = 0; for (i : 0 .. N_READERS - 1) { seen[base + i] = 0 }; i = 0 };
             if :: n_snaps != 0 -> c = N_WRITERS + 1 :: else fi };
    do
    :: atomic { c != 0 && c <= N_CLIENTS -> STEP(look_row, c, 0);
           if
           :: snap[c] != 0 && alive[c] ->
               seen[base + c - N_WRITERS - 1] = snap[c];
               if :: snap[c] < lowest -> lowest = snap[c] :: else fi
           :: else
           fi;
           c++ }
    :: atomic { c == 0 || c > N_CLIENTS -> c = 0; break }
    od
}

/* ---- txn.c: take, swing, commit */

/* A free slot, 0: none. */
#ifdef TRACE
#define TAKE_SLOT(f) \
    if \
    :: tell?step_take, eval(me), f, _ -> turn = 0; in_slab[f] \
    :: tell?step_died, eval(me), _, _ -> goto dead \
    fi
#else
#define TAKE_SLOT(f) \
    CRASH; \
    d_step { \
        f = 1; \
        do \
        :: f <= N_SLOTS && !in_slab[f] -> f++ \
        :: f <= N_SLOTS && in_slab[f] -> break \
        :: else -> f = 0; break \
        od \
    }
#endif

/* All fields of a slot that nobody else may use. */
inline fill(s, kind, o) {
    must_be_unused(s);
    d_step {
        gen[s]++;
        number[s] = txn_number;
        pending[s] = 1;
        tomb[s] = (kind == DELETES);
        older[s] = o;
        older_gen[s] = gen[o];
#ifdef M_NO_OLDER_ABSENT
        older_absent[s] = 0;
#else
        older_absent[s] = (o != 0 && tomb[o]);
#endif
        value_gone[s] = 0
    }
}

#define IS_SKIPPED(n, kind) \
    (kind == NOTHING || (kind == DELETES && (word[n] == 0 || tomb[word[n]])))

inline take(n, kind) {
    if
    :: failed || IS_SKIPPED(n, kind)
    :: !failed && !IS_SKIPPED(n, kind) && FAILS && MY_TURN -> failed = 1
    :: !failed && !IS_SKIPPED(n, kind) && MY_TURN ->
        TAKE_SLOT(f);
        if
        :: f == 0 -> failed = 1
        :: else ->
            note(OF_SLAB, f, 1);
            in_slab[f] = 0;
            STEP(fill, f, 0);
#ifndef M_FILL_LATE
            fill(f, kind, word[n]);
#endif
            STEP(publish, f, 0);
            rec_fresh[n_publish] = f;
            rec_older[n_publish] = word[n];
            CRASH;
            n_undo = 0;
            n_publish++;
            mine[n] = f
        fi
    fi;
    f = 0
}

inline swing(n, kind) {
    STEP(note_word, mine[n], 0);
#ifdef M_NOTE_LATE
    w = word[n];
    word[n] = mine[n];
    CRASH;
    note(OF_WORD, n, w);
    w = 0;
#else
    note(OF_WORD, n, word[n]);
    STEP(swing, mine[n], 0);
    word[n] = mine[n];
#endif
#ifdef M_FILL_LATE
    CRASH;
    fill(mine[n], kind, note_old[n_undo - 1]);
#endif
    skip
}

inline commit() {
    STEP(commit, txn_number, 0);
    remember();
    committed = txn_number
}

/* brain_advance(): a commit of no changes, whose number is above the next. */
#ifdef TRACE
#define ADVANCE_TO(number) \
    if \
    :: tell?step_advance, eval(me), number, _ -> turn = 0; number > committed \
    :: tell?step_died, eval(me), _, _ -> goto dead \
    fi
#else
#define ADVANCE_TO(number) STEP(advance, number, 0); number = committed + 2
#endif

inline advance() {
    atomic {
        MY_TURN -> ADVANCE_TO(f);
        d_step {
            do
            :: committed < f -> committed++;
                WAS(0, committed) = WAS(0, committed - 1);
                WAS(1, committed) = WAS(1, committed - 1)
            :: else -> break
            od
        };
        f = 0
    }
}

/* ---- txn.c: tidy */

inline to_limbo(s, its_stamp) {
    STEP(to_limbo, s, its_stamp);
#ifndef M_NO_STAMP
    stamp[s] = its_stamp;
#endif
    CRASH;
    value_gone[s] = 0;
    CRASH;
    state[s] = LIMBO;
    CRASH;
    note(OF_LIMBO, s, in_limbo[s]);
    in_limbo[s] = 1;
    CRASH;
    note(OF_COUNT, 0, n_limbo);
    n_limbo++
}

/* Take a tombstone's word out of the index; one that holds something else was cleared before. */
inline clear_places(s) {
    if
    :: word[0] == s || word[1] == s ->
        STEP(clear_word, s, 0);
        w = (word[0] == s -> 0 : 1);
        note(OF_WORD, w, s);
        word[w] = 0;
        w = 0
    :: else
    fi
}

inline tidy_older(s) {
    if
    :: s != 0 && tomb[s] -> /* it had to stay until now */
        STEP(tomb_leaves, s, 0);
        note(OF_TOMBS, s, in_tombs[s]);
        in_tombs[s] = 0;
        CRASH;
        note(OF_STATE, s, state[s])
    :: else
    fi;
    if
    :: s != 0 -> to_limbo(s, txn_number)
    :: else
    fi
}

/* Record n_tidied is done with. */
#define NEXT_RECORD \
    if \
    :: n_tidied + 1 < n_publish -> journal_tidied(); tidy_older(rec_older[n_tidied]) \
    :: else -> journal_clear(); break \
    fi

#define FRESH rec_fresh[n_tidied]

/* From the record n_tidied on, whose older slot is in limbo already. */
inline tidy_fresh() {
    do
    :: atomic { !tomb[FRESH] ->
           STEP(pending_off, FRESH, 0);
           pending[FRESH] = 0;
           STEP(live, FRESH, 0);
           state[FRESH] = LIVE;
           NEXT_RECORD }
    :: atomic { tomb[FRESH] -> STEP(pending_off, FRESH, 0); pending[FRESH] = 0 };
#ifdef M_TOMB_ALWAYS_GOES
        lowest = NONE;
#else
        snap_look(lowest, N_READERS); /* after the commit */
#endif
        if
        :: atomic { lowest < number[FRESH] ->
               lowest = 0;
               seen[N_READERS] = 0; seen[2 * N_READERS - 1] = 0;
               STEP(tomb_stays, FRESH, 0);
               state[FRESH] = LIVE;
               CRASH;
               note(OF_TOMBS, FRESH, in_tombs[FRESH]);
               in_tombs[FRESH] = 1;
               NEXT_RECORD }
        :: atomic { lowest >= number[FRESH] ->
               lowest = 0;
               seen[N_READERS] = 0; seen[2 * N_READERS - 1] = 0;
               clear_places(FRESH);
               to_limbo(FRESH, committed + 1);
               NEXT_RECORD }
        fi
    od
}

/* bn_slot_swap_limbo(): plain stores, which may be repeated. */
inline tidy_swap() {
    STEP(swap, rec_older[0], 0);
    stamp[rec_older[0]] = txn_number;
    CRASH;
    in_limbo[rec_fresh[0]] = 0; /* one store: its place in limbo names the other */
    in_limbo[rec_older[0]] = 1;
    CRASH;
    state[rec_older[0]] = LIMBO;
    STEP(pending_off, rec_fresh[0], 0);
    pending[rec_fresh[0]] = 0;
    STEP(live, rec_fresh[0], 0);
    state[rec_fresh[0]] = LIVE
}

inline tidy() {
    if
    :: atomic { rec_swaps -> tidy_swap(); journal_clear() }
    :: atomic { !rec_swaps -> tidy_older(rec_older[n_tidied]) };
        tidy_fresh()
    fi
}

/* ---- txn.c: abort and recovery */

inline discard() {
    atomic {
        do
        :: n_tidied < n_publish && rec_swaps ->
            STEP(stays_in_limbo, FRESH, txn_number);
            stamp[FRESH] = txn_number;
            CRASH;
            value_gone[FRESH] = 0;
            journal_tidied()
        :: n_tidied < n_publish && !rec_swaps ->
#ifdef M_ABORTED_IS_FREED
            must_be_unused(FRESH);
            state[FRESH] = FREE;
            in_slab[FRESH] = 1;
#else
            to_limbo(FRESH, txn_number);
#endif
            journal_tidied()
        :: n_tidied == n_publish -> journal_clear(); break
        od
    }
}

inline txn_recover() {
    do
    :: atomic { IS_EMPTY -> break }
#ifndef M_UNDONE_AFTER_COMMIT
    :: atomic { !IS_EMPTY && committed >= txn_number && !tidying ->
           STEP(tidying, 0, 0); n_undo = 0; tidying = 1 };
        tidy()
    :: atomic { !IS_EMPTY && (committed < txn_number || tidying) -> skip };
#else
    :: atomic { !IS_EMPTY -> skip };
#endif
        journal_undo();
        if
        :: atomic { committed >= txn_number -> skip }; tidy()
        :: atomic { committed < txn_number -> skip }; discard()
        fi
    od
}

#ifdef ABORT
#define MAY_ABORT true
#else
#define MAY_ABORT failed
#endif

/* A transaction of changes of the two names. */
inline transact(a, b) {
    if
    :: atomic { MY_TURN && (FAILS || (IS_SKIPPED(0, a) && IS_SKIPPED(1, b))) -> skip }
    :: atomic { MY_TURN && !(IS_SKIPPED(0, a) && IS_SKIPPED(1, b)) ->
           journal_begin();
           take(0, a);
           take(1, b);
           if
           :: !failed && mine[0] != 0 -> swing(0, a)
           :: else
           fi };
        if
        :: atomic { !failed && mine[1] != 0 -> swing(1, b) }
        :: atomic { failed || mine[1] == 0 -> skip }
        fi;
        if
        :: atomic { MY_TURN && MAY_ABORT -> failed = 0; mine[0] = 0; mine[1] = 0; has_given_up = 1; goto in_order }
        :: atomic { MY_TURN && !failed ->
               mine[0] = 0;
               mine[1] = 0;
#ifdef M_PENDING_OFF_EARLY
               CRASH;
               pending[rec_fresh[0]] = 0 };
           atomic {
#endif
#ifdef M_RETIRED_BEFORE_COMMIT
               tidy_older(rec_older[0]) };
           atomic {
#endif
               commit();
#ifdef M_CLEAR_BEFORE_TIDY
               f = rec_fresh[0];
               w = rec_older[0];
               journal_clear();
               STEP(tidying, 0, 0);
               rec_fresh[0] = f;
               rec_older[0] = w;
               n_publish = 1;
               f = 0;
               w = 0;
#endif
               STEP(tidying, 0, 0);
               n_undo = 0;
               tidying = 1;
               tidy_older(rec_older[0]) };
            tidy_fresh()
        fi
    fi
}

/* ---- replace.c */

/* Which of the suspects are pinned: by `kept`. */
inline look_at_pins() {
    atomic { c = N_WRITERS + 1 };
    do
    :: atomic { c <= N_CLIENTS && MY_TURN -> STEP(look_pins, c, 0);
           if :: alive[c] -> kept[PIN(c, 0)] = 1 :: else fi };
       atomic { if :: alive[c] -> kept[PIN(c, 1)] = 1 :: else fi; c++ }
#ifdef TRACE
    :: atomic { MY_TURN -> d_step { for (i : 1 .. N_SLOTS) { kept[i] = 1 }; i = 0 }; c = 0; break } /* too many */
#endif
    :: atomic { c > N_CLIENTS -> kept[0] = 0; c = 0; break }
    od
}

/* Of the slots that this writer has retired, those that nobody can need are ready. */
inline reclaim_retired() {
    snap_look(oldest, 0);
    look_at_pins();
    atomic {
        d_step {
            i = 1;
            do
            :: i <= N_SLOTS ->
                if
                :: retired[i] != 0 && !kept[i] && oldest >= stamp[i] -> ready[i] = retired[i]
                :: else
                fi;
                retired[i] = 0;
                kept[i] = 0;
                i++
            :: else -> break
            od;
            i = 0
        };
        oldest = 0
    }
}

#ifdef TRACE
#define CHOOSE_READY(f) \
    if \
    :: tell?step_publish_swap, eval(me), f, _ -> turn = 0; IS_READY(f) \
    :: tell?step_died, eval(me), _, _ -> goto dead \
    fi
#define HAS_READY true
#else
#define CHOOSE_READY(f) \
    CRASH; \
    d_step { f = 1; do :: !IS_READY(f) -> f++ :: else -> break od }
#define HAS_READY (IS_READY(1) || IS_READY(2) || IS_READY(3) || IS_READY(4) || (N_SLOTS > 4 && IS_READY(N_SLOTS)))
#endif
#define IS_READY(s) (ready[s] != 0 && ready[s] == gen[s] && in_limbo[s])

inline replace(n) {
    if
    :: atomic { MY_TURN && (FAILS || word[n] == 0 || tomb[word[n]]) -> skip }
    :: atomic { MY_TURN && word[n] != 0 && !tomb[word[n]] -> skip };
        if
        :: MY_TURN -> reclaim_retired()
        :: atomic { MY_TURN && HAS_READY -> skip }
        fi;
        if
        :: atomic { MY_TURN && (FAILS || !HAS_READY) -> skip }
        :: atomic { MY_TURN && HAS_READY -> journal_begin();
               CHOOSE_READY(f);
               ready[f] = 0;
               rec_fresh[0] = f;
               rec_older[0] = word[n];
               note_of[0] = OF_WORD;
               note_at[0] = n;
               note_old[0] = word[n];
               CRASH;
               n_publish = 1; /* counts, with n_undo: one store */
               n_undo = 1;
               rec_swaps = 1;
               STEP(fill, f, 0);
               fill(f, PUTS, word[n]);
               STEP(swing, f, 0);
               word[n] = f };
#ifdef M_SWAP_BEFORE_COMMIT
            atomic { tidy_swap() };
#endif
            atomic { commit(); w = rec_older[0]; retired[w] = gen[w]; w = 0; f = 0; tidy_swap(); journal_clear() }
        fi
    fi
}

/* ---- reclaim.c */

/* A slot of limbo leaves it, and is its slab's again. */
inline free_limbo(s) {
    must_be_unused(s);
    note(OF_COUNT, 0, n_limbo);
    n_limbo--;
    CRASH;
    note(OF_LIMBO, s, 1);
    in_limbo[s] = 0;
    CRASH;
    note(OF_STATE, s, LIMBO);
    state[s] = FREE;
    CRASH;
    note(OF_SLAB, s, 0);
    in_slab[s] = 1;
    journal_clear()
}

/* Whether a registration that was seen lies in [from, below). */
#if N_READERS == 2
#define NEEDS(from, below) ((seen[0] != 0 && from <= seen[0] && seen[0] < below) || \
                            (seen[1] != 0 && from <= seen[1] && seen[1] < below))
#else
#define NEEDS(from, below) (seen[0] != 0 && from <= seen[0] && seen[0] < below)
#endif

#ifdef M_NO_GEN
#define IS_ANOTHER(s) false
#else
#define IS_ANOTHER(s) (gen[s] != suspect[s])
#endif
#ifdef M_NO_STAMP_LOOK
#define STAMP_FORBIDS(s) false
#else
#define STAMP_FORBIDS(s) (oldest < stamp[s])
#endif
#ifdef VALUES
#ifdef M_VALUE_BY_STAMP
#define VALUE_MAY_GO(s) (!value_gone[s] && !(seen[0] != 0 && seen[0] + 1 == stamp[s]))
#else
#define VALUE_MAY_GO(s) (!value_gone[s] && !NEEDS(number[s], stamp[s]))
#endif
#else
#define VALUE_MAY_GO(s) false
#endif

inline free_suspect(s) {
    if
    :: atomic { kept[s] || state[s] != LIMBO || IS_ANOTHER(s) || (STAMP_FORBIDS(s) && !VALUE_MAY_GO(s)) -> skip }
    :: atomic { !(kept[s] || state[s] != LIMBO || IS_ANOTHER(s)) && !STAMP_FORBIDS(s) -> journal_begin(); STEP(give, s, 0); free_limbo(s) }
#ifdef REPLACE
    :: atomic { !(kept[s] || state[s] != LIMBO || IS_ANOTHER(s)) && !STAMP_FORBIDS(s) -> ready[s] = gen[s] }
#endif
#ifdef VALUES
    :: atomic { !(kept[s] || state[s] != LIMBO || IS_ANOTHER(s)) && STAMP_FORBIDS(s) && VALUE_MAY_GO(s) ->
           journal_begin();
           STEP(value_goes, s, 0);
           value_must_be_unused(s);
           note(OF_GONE, s, 0);
           value_gone[s] = 1;
           journal_clear() }
#endif
    fi
}
/* Of one round: which slots are in limbo. */
inline collect() {
#ifdef REPLACE
    atomic { d_step { for (i : 1 .. N_SLOTS) { ready[i] = 0; retired[i] = 0 }; i = 0 } };
#endif
#ifdef TRACE
    do
    :: MY_TURN && next_what == step_collect ->
        tell?step_collect, eval(me), f, _ -> turn = 0;
        in_limbo[f];
        suspect[f] = gen[f];
        has_collected = 1
    :: MY_TURN && next_what != step_collect -> break
    od
#else
    /* One: what holds of each does not depend on the others. */
    atomic {
        f = 1;
        do
        :: f < N_SLOTS -> f++
        :: break
        od;
        if
        :: in_limbo[f] -> suspect[f] = gen[f]; has_collected = 1
        :: else -> f = 0
        fi
    }
#endif
}

/* Without the lock. */
inline look_for_users() {
#ifdef M_PINS_BEFORE_SNAPS
    look_at_pins();
    snap_look(oldest, 0)
#else
    snap_look(oldest, 0); /* registrations before pins: who leaves pins first */
#ifndef M_NO_LOOK_AT_PINS
    look_at_pins()
#endif
#endif
}

inline forget_suspects() {
    d_step {
        for (i : 0 .. N_SLOTS) { suspect[i] = 0; kept[i] = 0 };
        for (i : 0 .. N_READERS - 1) { seen[i] = 0 };
        i = 0; f = 0; oldest = 0
    }
}

inline free_suspects() {
#ifdef TRACE
    do
    :: atomic {
           MY_TURN -> journal_begin();
           if
           :: tell?step_give, eval(me), f, _ -> turn = 0;
               suspect[f] != 0 && !kept[f] && state[f] == LIMBO && !IS_ANOTHER(f) && !STAMP_FORBIDS(f);
               suspect[f] = 0;
               free_limbo(f)
           :: tell?step_died, eval(me), _, _ -> goto dead
           fi }
    :: MY_TURN -> break
    od;
    skip;
    d_step { /* whichever it keeps are among these */
        for (i : 1 .. N_SLOTS) {
            if
            :: suspect[i] != 0 && !kept[i] && state[i] == LIMBO && !IS_ANOTHER(i) && !STAMP_FORBIDS(i) ->
                ready[i] = gen[i]
            :: else
            fi
        };
        i = 0
    };
#else
    free_suspect(f);
#endif
    forget_suspects()
}

#define IS_NEEDLESS(s) (in_tombs[s] && number[s] <= lowest)
#ifdef TRACE
#define HAS_TOMB true
#define CHOOSE_TOMB(f) \
    if \
    :: tell?step_tomb_leaves, eval(me), f, _ -> turn = 0; IS_NEEDLESS(f) \
    :: tell?step_died, eval(me), _, _ -> goto dead \
    fi
#else
#define HAS_TOMB \
    (IS_NEEDLESS(1) || IS_NEEDLESS(2) || IS_NEEDLESS(3) || IS_NEEDLESS(4) || (N_SLOTS > 4 && IS_NEEDLESS(N_SLOTS)))
#define CHOOSE_TOMB(f) \
    CRASH; \
    d_step { f = 1; do :: !IS_NEEDLESS(f) -> f++ :: else -> break od }
#endif

/* Tombstones that nobody needs any more: bn_txn_unlink(). */
inline clear_tombs() {
    snap_look(lowest, N_READERS);
    do
    :: atomic { EXPECT(!HAS_TOMB) && MY_TURN -> f = 0; lowest = 0; break }
    :: atomic { HAS_TOMB && MY_TURN -> journal_begin();
           CHOOSE_TOMB(f);
           note(OF_TOMBS, f, 1);
           in_tombs[f] = 0;
           CRASH;
           clear_places(f) };
       atomic { note(OF_STATE, f, LIVE);
#ifdef M_UNLINKED_NOW
           to_limbo(f, committed);
#else
           to_limbo(f, committed + 1);
#endif
           journal_clear() }
    od
}

/* ---- processes */

#if defined PUT || defined DELETE || defined BATCH || defined MIXED
#define CHANGES
#endif

inline choose_changes() {
    if
#ifdef PUT
    :: change[0] = PUTS
#endif
#ifdef DELETE
    :: change[0] = DELETES
#endif
#ifdef BATCH
    :: change[0] = PUTS; change[1] = PUTS
#endif
#ifdef MIXED
    :: change[0] = PUTS; change[1] = DELETES
#endif
#ifdef TRACE
    :: change[1] = PUTS
    :: change[1] = DELETES
#endif
    fi
}

proctype writer(byte me) {
    byte n_ops, f, w, k, i, c, p, oldest;
    byte lowest, mine[2], change[2], seen[2 * N_READERS];
    bit has_given_up, has_collected, has_looked;
    byte suspect[N_SLOTS + 1];
    bit kept[N_SLOTS + 1], failed;
#ifdef REPLACE
    byte ready[N_SLOTS + 1], retired[N_SLOTS + 1];
#ifndef TRACE
    ready[3] = 1;
#endif
#endif
    IN_ONE
    do
    :: n_ops < N_OPS ->
        lock_acquire();
#ifdef M_ADVANCE_UNRECOVERED
        if :: !IS_EMPTY -> advance() :: else fi;
#endif
in_order:
        txn_recover();
        if
        :: atomic { has_given_up -> has_given_up = 0 }
        :: atomic { has_looked -> has_looked = 0 };
            free_suspects()
        :: atomic { !has_given_up && !has_looked && MY_TURN -> skip };
            if
#ifdef CHANGES
            :: atomic { choose_changes() };
                transact(change[0], change[1])
#endif
#ifdef REPLACE
            :: replace(0)
#ifdef TRACE
            :: replace(1)
#endif
#endif
#ifdef RECLAIM
            :: collect()
#endif
#ifdef TOMBS
            :: clear_tombs()
#endif
#ifdef ADVANCE
            :: advance()
#endif
            fi
        fi;
        lock_release();
        if
        :: atomic { has_collected -> has_collected = 0; has_looked = 1 };
            look_for_users();
#ifdef TRACE
            if
            :: MY_TURN
            :: MY_TURN -> forget_suspects(); has_looked = 0 /* the lock was busy */
            fi
#endif
        :: atomic { !has_collected -> change[0] = 0; change[1] = 0; COUNT_OP }
        fi
    :: else -> break
    od;
    goto done;
dead:
    atomic { alive[me] = 0; goto done };
done:
    skip;
    d_step {
        has_given_up = 0; has_collected = 0; has_looked = 0; change[0] = 0; change[1] = 0;
        n_ops = 0; f = 0; w = 0; k = 0; i = 0; c = 0; p = 0; oldest = 0; lowest = 0; failed = 0;
        mine[0] = 0; mine[1] = 0;
        for (i : 0 .. N_READERS - 1) { seen[i] = 0; seen[N_READERS + i] = 0 };
        for (i : 0 .. N_SLOTS) { suspect[i] = 0; kept[i] = 0 };
#ifdef REPLACE
        for (i : 0 .. N_SLOTS) { ready[i] = 0; retired[i] = 0 };
#endif
        i = 0;
        writers_done++
    }
    DONE
}

/* ---- read.c */

/* Whether r was the value of name n at a moment since commit `from`. */
inline must_have_been(n, r) {
    d_step {
        k = from;
        do
        :: k <= committed && WAS(n, k) != VALUE(r) -> k++
        :: else -> break
        od;
        assert(k <= committed);
        k = 0
    }
}

inline must_stand(s) {
    assert(state[s] != FREE || !in_slab[s])
}

/* A look that shows `what_it_shows`. */
#ifdef TRACE
#define SEES(what, a, what_it_shows) LOOK(what, a, 0); what_it_shows
#else
#define SEES(what, a, what_it_shows) what_it_shows
#endif
#ifdef M_NO_LOOK_AGAIN
#define LOOKS_AGAIN(x) false
#else
#define LOOKS_AGAIN(x) (x)
#endif
#ifdef M_NO_LOOK_AT_WORD
#define LOOKS_AT_WORD(x) false
#else
#define LOOKS_AT_WORD(x) (x)
#endif
#ifdef M_NO_COMMITTED_AGAIN
#define LOOKS_AT_COMMITTED(x) false
#else
#define LOOKS_AT_COMMITTED(x) (x)
#endif

/* bn_read_get(): by pin i of this client. r: the slot, 0: not there. */
inline get(n, i, r) {
    do
    :: atomic { LOOK(load_word, n, 0); w = word[n]; if :: from == 0 -> from = committed :: else fi };
        if
        :: atomic { w == 0 -> LOOK(miss, 0, 0); break }
        :: atomic { w != 0 -> LOOK(pin, w, 0); PIN(me, i) = w };
            if
            :: atomic { SEES(look_again, w, LOOKS_AGAIN(word[n] != w)); w = 0 }
            :: atomic { SEES(look_again, w, !LOOKS_AGAIN(word[n] != w)); USED(me, i) = w };
                if
                :: atomic { SEES(look_pending, w, !pending[w]); must_stand(w); r = (tomb[w] -> 0 : w); break }
                :: atomic { SEES(look_pending, w, pending[w]); must_stand(w) };
                    /* judge_pending() */
                    if
                    :: atomic { SEES(look_committed, w, committed >= number[w]) };
                        if
                        :: atomic { SEES(look_at_word, w, LOOKS_AT_WORD(word[n] != w)); USED(me, i) = 0; w = 0 }
                        :: atomic { SEES(look_at_word, w, !LOOKS_AT_WORD(word[n] != w)); r = (tomb[w] -> 0 : w); break }
                        fi
                    :: atomic { SEES(look_committed, w, committed < number[w]);
                           o = older[w];
                           g = older_gen[w];
                           its = number[w];
                           if
                           :: o == 0 || older_absent[w] -> break
                           :: else
                           fi };
                        atomic { LOOK(pin_older, o, 0); USED(me, i) = 0; PIN(me, i) = o };
                        if
                        :: atomic { SEES(look_committed_again, o, LOOKS_AT_COMMITTED(committed >= its)); w = 0; o = 0; g = 0; its = 0 }
                        :: atomic { SEES(look_committed_again, o, !LOOKS_AT_COMMITTED(committed >= its));
                               assert(gen[o] == g);
                               must_stand(o);
                               USED(me, i) = o;
                               r = (tomb[o] -> 0 : o);
                               break }
                        fi
                    fi
                fi
            fi
        fi
    od;
    atomic {
        w = 0; o = 0; g = 0; its = 0;
        LOOK(got, r, 0);
        assert(r == 0 || !value_gone[r])
    };
    if
    :: atomic { r == 0 && PIN(me, i) != 0 -> LOOK(drop, PIN(me, i), 0); USED(me, i) = 0; PIN(me, i) = 0 }
    :: atomic { r != 0 || PIN(me, i) == 0 -> skip }
    fi
}

inline drop(i, r) {
    atomic {
        if
        :: PIN(me, i) != 0 -> LOOK(drop, PIN(me, i), 0); USED(me, i) = 0; PIN(me, i) = 0
        :: else
        fi;
        r = 0
    }
}

/* A get, a look at the value, and it is let go. */
inline get_one(n, i, r) {
    from = 0;
    get(n, i, r);
    must_have_been(n, r);
    drop(i, r);
    from = 0
}

/* bn_snap_register() */
inline snap_register() {
    atomic { LOOK(snap_count, 0, 0); n_snaps++ };
    atomic { LOOK(snap_claim, 0, 0); snap[me] = 1 };
    atomic { LOOK(snap_load, 0, 0); from = committed; its = committed };
    do
    :: atomic { LOOK(snap_store, its, 0); snap[me] = its };
        atomic {
            LOOK(snap_again, its, 0);
#ifndef M_SNAP_NO_SECOND_LOOK
            if
            :: committed == its -> break
            :: else -> its = committed
            fi
#else
            break
#endif
        }
    od
}

inline snap_leave() {
    atomic { LOOK(snap_clear, 0, 0); snap[me] = 0 };
    atomic { LOOK(snap_uncount, 0, 0); n_snaps-- }
}

/* bn_read_as_of(): the version of name n as of `its`. */
inline as_of(n, r) {
    atomic { LOOK(load_word, n, 0); w = word[n]; USED(me, 2) = w };
    if
    :: atomic { w == 0 -> LOOK(miss, 0, 0) }
    :: atomic { w != 0 -> skip };
        do
        :: atomic { w != 0 -> LOOK(look_version, w, 0);
               must_stand(w);
#ifdef M_SNAP_JUDGES_PENDING
               if
               :: !pending[w] || number[w] <= its -> r = (tomb[w] -> 0 : w); break
#else
               if
               :: number[w] <= its -> r = (tomb[w] -> 0 : w); break
#endif
               :: else -> o = w; w = older[o]; assert(w == 0 || gen[w] == older_gen[o]); USED(me, 2) = w; o = 0
               fi }
        :: atomic { w == 0 -> break }
        od
    fi;
    atomic { w = 0; if :: r == 0 -> USED(me, 2) = 0 :: else fi }
}

inline pin_view(i, r) {
    if
    :: atomic { r != 0 -> LOOK(pin_view, r, 0); PIN(me, i) = r; USED(me, i) = r; assert(!value_gone[r]); USED(me, 2) = 0 }
    :: atomic { r == 0 -> skip }
    fi
}

/* get_many_as_of(), and what a snapshot is. */
inline snapshot() {
    snap_register();
    as_of(0, a);
#ifndef M_LEAVES_BEFORE_PINS
    pin_view(0, a);
#endif
    as_of(1, b);
#ifndef M_LEAVES_BEFORE_PINS
    pin_view(1, b);
    snap_leave();
#else
    snap_leave();
    pin_view(0, a);
    pin_view(1, b);
#endif
    d_step { assert(WAS(0, its) == VALUE(a) && WAS(1, its) == VALUE(b)); from = 0; its = 0 };
    drop(0, a);
    drop(1, b)
}

#ifdef M_MANY_NO_LOOK_AGAIN
#define MANY_LOOKS(x) false
#else
#define MANY_LOOKS(x) (x)
#endif

/* try_get_many(), until it is as of one commit or a snapshot is taken. */
inline get_many() {
    do
    :: atomic { LOOK(many_number, 0, 0); many = committed; from = committed };
        get(0, 0, a);
        get(1, 1, b);
        if
        :: atomic { SEES(many_again, many, MANY_LOOKS(committed != many)) -> goto moved }
        :: atomic { SEES(many_again, many, !MANY_LOOKS(committed != many)) }
        fi;
        d_step {
            k = many;
            do
            :: k <= committed && (WAS(0, k) != VALUE(a) || WAS(1, k) != VALUE(b)) -> k++
            :: else -> break
            od;
            assert(k <= committed);
            k = 0
        };
        drop(0, a);
        drop(1, b);
        many = 0; from = 0;
        break;
moved:
        drop(0, a);
        drop(1, b);
        many = 0; from = 0;
#ifdef TRACE
        if
        :: MY_TURN /* again */
        :: MY_TURN -> snapshot(); break
        fi
#elif defined SNAPSHOT
        snapshot();
        break
#else
        break
#endif
    od
}

proctype reader(byte me) {
    byte n_gets, from, many, w, o, g, its, a, b, k;
    IN_ONE
    do
    :: n_gets < N_GETS ->
#ifdef TRACE
        MY_TURN;
#endif
        if
#ifdef GET
        :: EXPECT(me == N_WRITERS + 1) -> get_one(0, 0, a)
#endif
#ifdef TRACE
        :: get_one(1, 1, b)
#endif
#ifdef MANY
        :: EXPECT(me == N_WRITERS + 2) -> get_many()
#endif
#ifdef SNAPSHOT
        :: EXPECT(me == N_WRITERS + 2) -> snapshot()
#endif
        fi;
#ifndef TRACE
        n_gets++
#endif
    :: else -> break
    od;
#ifdef TRACE
    goto done;
dead:
    alive[me] = 0;
done:
#endif
    skip;
    d_step { n_gets = 0; readers_done++ }
    DONE
}

#ifndef TRACE
/* Whoever comes last: recovers while readers read, and then takes back all that may be. */
proctype last() {
    byte me = N_CLIENTS + 1;
    byte f, w, k, i, c, p, lowest, seen[2 * N_READERS];
    byte mine[2];
    bit failed;
    atomic { writers_done == N_WRITERS -> skip };
    lock_acquire();
    txn_recover();
    atomic { readers_done == N_READERS -> skip };
    clear_tombs();
    lock_release();
    atomic {
        assert(n_snaps == 0 && IS_EMPTY && lock_word == 0);
        f = 0;
        for (f : 1 .. N_SLOTS) {
            assert(!in_tombs[f]);
            if
            :: in_limbo[f] -> k++; assert(state[f] == LIMBO && !in_slab[f] && word[0] != f && word[1] != f)
            :: !in_limbo[f] && in_slab[f] -> assert(state[f] == FREE && word[0] != f && word[1] != f)
            :: !in_limbo[f] && !in_slab[f] ->
                assert(state[f] == LIVE && !pending[f] && !tomb[f] && (word[0] == f || word[1] == f))
            fi
        };
        assert(k == n_limbo);
        assert(WAS(0, committed) == VALUE(word[0]) && WAS(1, committed) == VALUE(word[1]))
    }
dead:
    skip
}
#endif

#ifdef TRACE
#define HAS_READER(k) true
#elif defined GET && (defined MANY || defined SNAPSHOT)
#define HAS_READER(k) true
#elif defined GET
#define HAS_READER(k) (k == N_WRITERS + 1)
#else
#define HAS_READER(k) (k == N_WRITERS + 2)
#endif

init {
    byte k;
    atomic {
        for (k : 1 .. N_SLOTS) { in_slab[k] = 1 };
        for (k : 1 .. N_CLIENTS) { alive[k] = 1 };
        k = 1;
        do
        :: k <= N_THERE ->
            in_slab[k] = 0; state[k] = LIVE; number[k] = 1; gen[k] = 1; word[k - 1] = k; WAS(k - 1, 1) = VALUE(k);
            k++
        :: else -> break
        od;
#if defined REPLACE && !defined TRACE
        in_slab[3] = 0; state[3] = LIMBO; in_limbo[3] = 1; gen[3] = 1; n_limbo = 1; /* both know that it is ready */
#endif
        k = 1;
        do
        :: k <= N_WRITERS -> run writer(k); k++
        :: k > N_WRITERS && k <= N_CLIENTS ->
            if
            :: HAS_READER(k) -> run reader(k)
            :: else -> readers_done++
            fi;
            k++
        :: else -> break
        od;
        k = 0;
#ifdef TRACE
        run teller()
#else
        run last()
#endif
    }
}

#ifdef TRACE
#include "trace.pml"
#endif
