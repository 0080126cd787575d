/* copy.pml - a small value that is copied without a pin (src/copied.h, bn_copied_try and bn_copied_by_hint, and the
 * question both ask afterwards, bn_copied_stood_still; docs/design/0003).
 *
 * One name, one index word, slots that a writer fills again as soon as they are out of the index: it looks
 * at no pins, as if there were none. A filling stores gen, then the size, then the two halves of the value,
 * then swings the word. A foreign filling is one of another size class in the same memory: it leaves gen
 * alone. What a hint knows of its use of the slot is `a`.
 *
 * Checked by spin, with sequentially consistent memory; what that has to do with fences is said where they
 * stand (PAIR refill). A defect is planted with -D: NO_SECOND_LOOK, EARLY_SIZE, NO_WORD_AFTER, NO_GEN_AFTER,
 * GEN_LATE; HINT_NO_WORD, HINT_NO_GEN in the gets that follow with a hint: they copy at once, and look
 * afterwards.
 */
#define N_SLOTS 3
#define N_PUTS  5
#define FOREIGN 99

byte word = 1;              /* the slot in the index */
byte gen[4] = 1, size[4] = 1, first[4] = 1, second[4] = 1; /* by slot, from 1 */
byte n_uses = 1, committed = 1;

active proctype writer()
{
    byte slot, n;
    for (n : 2 .. N_PUTS) {
        select(slot : 1 .. N_SLOTS);
        if
        :: slot == word -> skip /* in use: this round is over */
        :: slot != word ->
            if
            :: true -> /* a foreign filling */
                size[slot] = FOREIGN;
                first[slot] = FOREIGN;
                second[slot] = FOREIGN
            :: true -> skip
            fi;
            n_uses++;
#ifndef GEN_LATE
            gen[slot] = n_uses;
#endif
            size[slot] = n;
            first[slot] = n;
            second[slot] = n;
            word = slot;
#ifdef GEN_LATE
            gen[slot] = n_uses;
#endif
            committed = n
        fi
    }
}

active proctype reader()
{
    byte w, g, s, a, b, x, y, before, tries;
    bool done = false;
    do
    :: done || tries == 3 -> break
    :: else ->
        tries++;
        before = committed;
        w = word;
#ifdef EARLY_SIZE
        atomic { g = gen[w]; s = size[w] }; /* one load of both */
#else
        g = gen[w];
#endif
#ifndef NO_SECOND_LOOK
        if
        :: word != w -> goto again
        :: else -> skip
        fi;
#endif
#ifndef EARLY_SIZE
        s = size[w];
#endif
        a = first[w];
        b = second[w];
#ifndef NO_WORD_AFTER
        if
        :: word != w -> goto again
        :: else -> skip
        fi;
#endif
#ifndef NO_GEN_AFTER
        if
        :: gen[w] != g -> goto again
        :: else -> skip
        fi;
#endif
        assert(s == a && a == b && a != FOREIGN && a >= before);
        done = true;
again:
        skip
    od;
    tries = 0;
    do /* w, g and a are the hint */
    :: !done || tries == 2 -> break
    :: else ->
        tries++;
        before = committed;
        x = first[w];
        y = second[w];
#ifndef HINT_NO_WORD
        if
        :: word != w -> break
        :: else -> skip
        fi;
#endif
#ifndef HINT_NO_GEN
        if
        :: gen[w] != g -> break
        :: else -> skip
        fi;
#endif
        assert(x == a && y == a && a >= before)
    od
}
