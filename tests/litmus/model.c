/* model.c - executions, one by one.
 *
 * What is allowed: RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer: Repairing Sequential Consistency in
 * C/C++11, 2017), which C++20 took up, with the release sequences of C++20 and without its axiom
 * against values out of thin air. So a load may see a store that comes later in the order of the program,
 * as C11 lets it: more is allowed here than by any compiler and processor, and what is never found
 * wrong here is right under RC11 too.
 *
 * How:      1. each thread alone, for all values that its loads might give: its traces. Values are
 *              those that some trace stores, to a fixed point.
 *           2. one trace for each thread: does the judgement ask for it?
 *           3. each choice of the store that a load sees, and of an order of the stores of each
 *              location: is it consistent?
 * Relations are rows of bits; an event is one access or fence, a read-modify-write one event.
 */
#include "model.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS     64
#define OF_A_TRACE 14
#define NOWHERE    (-1)

typedef uint64_t relation[EVENTS]; /* bit b of row a: a before b */

struct event {
    int location; /* NOWHERE: a fence */
    enum lm_order order;
    bool reads, writes;
    uint32_t read, written;
};

struct trace {
    int n;
    struct event events[OF_A_TRACE];
    uint32_t out[LM_OUTS];
};

struct lm_thread {
    struct trace trace;
    uint32_t choice[OF_A_TRACE];
    int n_choices, n_loads;
    jmp_buf left_out;
};

struct traces {
    struct trace *of;
    size_t n, room;
};

static uint32_t domain[LM_LOCATIONS]; /* bit v: value v may be read */
static uint32_t stored[LM_LOCATIONS]; /* the same, by the next round */
static uint64_t n_tried;

static void fail(const char *what)
{
    fprintf(stderr, "model: %s\n", what);
    exit(2);
}

/* ---- one thread */

static void note_event(struct lm_thread *thread, struct event event)
{
    if (thread->trace.n == OF_A_TRACE) {
        fail("a thread does too much");
    }
    if (event
            .writes) { /* what is left out later counts too: the reason may be a value not yet there */
        stored[event.location] |= UINT32_C(1) << event.written;
    }
    thread->trace.events[thread->trace.n++] = event;
}

/* The value of the next load: as chosen, or the first there is. */
static uint32_t next_value(struct lm_thread *thread, int location)
{
    int i = thread->n_loads++;
    if (i == thread->n_choices) {
        thread->choice[thread->n_choices++] = (uint32_t)__builtin_ctz(domain[location]);
    }
    return thread->choice[i];
}

uint32_t lm_load(struct lm_thread *thread, int location, enum lm_order order)
{
    uint32_t value = next_value(thread, location);
    note_event(thread, (struct event){ location, order, true, false, value, 0 });
    return value;
}

void lm_store(struct lm_thread *thread, int location, uint32_t value, enum lm_order order)
{
    note_event(thread, (struct event){ location, order, false, true, 0, value });
}

static uint32_t update(struct lm_thread *thread, int location, uint32_t read, uint32_t written,
                       enum lm_order order)
{
    if (written > LM_VALUE_MAX) {
        longjmp(thread->left_out, 1); /* of a sum of what is never read in the end */
    }
    note_event(thread, (struct event){ location, order, true, true, read, written });
    return read;
}

uint32_t lm_add(struct lm_thread *thread, int location, uint32_t value, enum lm_order order)
{
    uint32_t read = next_value(thread, location);
    return update(thread, location, read, read + value, order);
}

uint32_t lm_or(struct lm_thread *thread, int location, uint32_t value, enum lm_order order)
{
    uint32_t read = next_value(thread, location);
    return update(thread, location, read, read | value, order);
}

bool lm_cas(struct lm_thread *thread, int location, uint32_t expected, uint32_t value,
            enum lm_order order)
{
    uint32_t read = next_value(thread, location);
    if (read == expected) {
        (void)update(thread, location, read, value, order);
        return true;
    }
    enum lm_order as_load = order == LM_RELEASE   ? LM_RELAXED
                            : order == LM_ACQ_REL ? LM_ACQUIRE
                                                  : order;
    note_event(thread, (struct event){ location, as_load, true, false, read, 0 });
    return false;
}

void lm_fence(struct lm_thread *thread, enum lm_order order)
{
    if (order > LM_RELAXED) {
        note_event(thread, (struct event){ NOWHERE, order, false, false, 0, 0 });
    }
}

void lm_assume(struct lm_thread *thread, bool holds)
{
    if (!holds) {
        longjmp(thread->left_out, 1);
    }
}

void lm_out(struct lm_thread *thread, int i, uint32_t value)
{
    thread->trace.out[i] = value;
}

/* The next choice in turn, of the last load that has one left. */
static bool next_choice(struct lm_thread *thread, const int *location_of)
{
    while (thread->n_choices > 0) {
        int last = thread->n_choices - 1;
        uint32_t left =
            domain[location_of[last]] & ~(uint32_t)((UINT64_C(2) << thread->choice[last]) - 1);
        if (left != 0) {
            thread->choice[last] = (uint32_t)__builtin_ctz(left);
            return true;
        }
        thread->n_choices--;
    }
    return false;
}

static void add_trace(struct traces *traces, const struct trace *trace)
{
    if (traces->n == traces->room) {
        traces->room = 2 * traces->room + 16;
        traces->of = realloc(traces->of, traces->room * sizeof *traces->of);
        if (traces->of == NULL) {
            fail("no memory");
        }
    }
    traces->of[traces->n++] = *trace;
}

/* By the choices that are made, and the first there is for what they leave open. */
static void run_once(void (*function)(struct lm_thread *), struct lm_thread *thread,
                     struct traces *traces)
{
    thread->n_loads = 0;
    memset(&thread->trace, 0, sizeof thread->trace);
    if (setjmp(thread->left_out) == 0) {
        function(thread);
        add_trace(traces, &thread->trace);
    }
}

static void run_thread(void (*function)(struct lm_thread *), struct traces *traces)
{
    static struct lm_thread thread;
    int location_of[OF_A_TRACE];
    memset(&thread, 0, sizeof thread);
    traces->n = 0;
    do {
        run_once(function, &thread, traces);
        int n_loads = 0;
        for (int i = 0; i < thread.trace.n; i++) {
            if (thread.trace.events[i].reads) {
                location_of[n_loads++] = thread.trace.events[i].location;
            }
        }
        /* Left out in the middle of an update: that load has no event, and no other choice. */
        thread.n_choices = n_loads;
    } while (next_choice(&thread, location_of));
}

static void run_threads(const struct lm_program *program, struct traces traces[LM_THREADS])
{
    for (int i = 0; i < LM_LOCATIONS; i++) {
        stored[i] = UINT32_C(1) << program->init[i];
    }
    do {
        memcpy(domain, stored, sizeof domain);
        for (int i = 0; i < program->n_threads; i++) {
            run_thread(program->threads[i], &traces[i]);
        }
    } while (memcmp(domain, stored, sizeof domain) != 0);
}

/* ---- one execution */

struct execution {
    int n;
    struct event events[EVENTS];
    relation sb, mo;
    int source[EVENTS];               /* of what is read */
    int writes[LM_LOCATIONS][EVENTS]; /* in modification order, as far as it is chosen */
    int n_writes[LM_LOCATIONS];
};

static bool has(const relation r, int a, int b)
{
    return r[a] >> b & 1;
}

static void add(relation r, int a, int b)
{
    r[a] |= UINT64_C(1) << b;
}

/* All of `a`, then all of `b`. */
static void compose(const relation a, const relation b, int n, relation out)
{
    for (int i = 0; i < n; i++) {
        uint64_t row = 0;
        for (uint64_t left = a[i]; left != 0; left &= left - 1) {
            row |= b[__builtin_ctzll(left)];
        }
        out[i] = row;
    }
}

static void join(relation r, const relation other, int n)
{
    for (int i = 0; i < n; i++) {
        r[i] |= other[i];
    }
}

static void close_over(relation r, int n)
{
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            if (has(r, i, k)) {
                r[i] |= r[k];
            }
        }
    }
}

static bool is_acyclic(const relation r, int n)
{
    relation closed;
    memcpy(closed, r, sizeof closed);
    close_over(closed, n);
    for (int i = 0; i < n; i++) {
        if (has(closed, i, i)) {
            return false;
        }
    }
    return true;
}

static bool is_release(enum lm_order order)
{
    return order >= LM_RELEASE;
}

static bool is_acquire(enum lm_order order)
{
    return order == LM_ACQUIRE || order >= LM_ACQ_REL;
}

static bool is_fence(const struct event *event)
{
    return event->location == NOWHERE;
}

/* The releases that head at store `write`: itself, and fences before it. */
static uint64_t releases(const struct execution *x, int write)
{
    uint64_t all = is_release(x->events[write].order) ? UINT64_C(1) << write : 0;
    for (int i = 0; i < x->n; i++) {
        if (is_fence(&x->events[i]) && is_release(x->events[i].order) && has(x->sb, i, write)) {
            all |= UINT64_C(1) << i;
        }
    }
    return all;
}

/* synchronizes-with: from what heads a release sequence to who reads of it. */
static void synchronize(const struct execution *x, relation sw)
{
    memset(sw, 0, sizeof(relation));
    for (int r = 0; r < x->n; r++) {
        if (!x->events[r].reads) {
            continue;
        }
        uint64_t from = 0, to = is_acquire(x->events[r].order) ? UINT64_C(1) << r : 0;
        for (int i = 0; i < x->n; i++) {
            if (is_fence(&x->events[i]) && is_acquire(x->events[i].order) && has(x->sb, r, i)) {
                to |= UINT64_C(1) << i;
            }
        }
        for (int w = x->source[r], n = 0; n <= x->n; w = x->source[w], n++) {
            from |= releases(x, w);
            if (!x->events[w].reads) {
                break;
            }
        }
        for (int i = 0; i < x->n; i++) {
            if (from >> i & 1) {
                sw[i] |= to & ~(UINT64_C(1) << i);
            }
        }
    }
}

static bool same_location(const struct execution *x, int a, int b)
{
    return x->events[a].location != NOWHERE && x->events[a].location == x->events[b].location;
}

/* The axiom of sequential consistency: psc is acyclic. */
static bool is_sc(const struct execution *x, const relation hb, const relation eco,
                  const relation fr)
{
    int n = x->n;
    relation sb_elsewhere, scb, mid, psc, hb_or_id, from, to;
    memset(psc, 0, sizeof psc);
    for (int a = 0; a < n; a++) {
        uint64_t here = 0;
        for (int b = 0; b < n; b++) {
            here |= (uint64_t)same_location(x, a, b) << b;
        }
        sb_elsewhere[a] = x->sb[a] & ~here;
        scb[a] = x->sb[a] | (hb[a] & here) | x->mo[a] | fr[a];
        hb_or_id[a] = hb[a] | UINT64_C(1) << a;
    }
    compose(sb_elsewhere, hb, n, mid);
    compose(mid, sb_elsewhere, n, from);
    join(scb, from, n);
    uint64_t seq_accesses = 0, seq_fences = 0;
    for (int a = 0; a < n; a++) {
        if (x->events[a].order == LM_SEQ) {
            *(is_fence(&x->events[a]) ? &seq_fences : &seq_accesses) |= UINT64_C(1) << a;
        }
    }
    for (int a = 0; a < n; a++) { /* [Esc] u [Fsc];hb?  and  [Esc] u hb?;[Fsc] */
        uint64_t self = UINT64_C(1) << a;
        from[a] = (seq_accesses & self) | (seq_fences & self ? hb_or_id[a] : 0);
        to[a] = (seq_accesses & self) | (hb_or_id[a] & seq_fences);
    }
    compose(from, scb, n, mid);
    compose(mid, to, n, psc);
    compose(hb, eco, n, mid); /* [Fsc];(hb u hb;eco;hb);[Fsc] */
    compose(mid, hb, n, from);
    for (int a = 0; a < n; a++) {
        if (seq_fences >> a & 1) {
            psc[a] |= (hb[a] | from[a]) & seq_fences;
        }
    }
    return is_acyclic(psc, n);
}

static bool is_consistent(struct execution *x)
{
    int n = x->n;
    relation hb, eco, fr;
    memset(x->mo, 0, sizeof x->mo);
    memset(fr, 0, sizeof fr);
    for (int l = 0; l < LM_LOCATIONS; l++) {
        for (int i = 0; i < x->n_writes[l]; i++) {
            for (int k = i + 1; k < x->n_writes[l]; k++) {
                add(x->mo, x->writes[l][i], x->writes[l][k]);
            }
        }
    }
    for (int r = 0; r < n; r++) {
        if (x->events[r].reads) {
            fr[r] = x->mo[x->source[r]] & ~(UINT64_C(1) << r);
        }
    }
    for (int r = 0; r < n; r++) { /* nothing comes in between of a read-modify-write */
        if (x->events[r].reads && x->events[r].writes) {
            for (int w = 0; w < n; w++) {
                if (has(fr, r, w) && has(x->mo, w, r)) {
                    return false;
                }
            }
            if (!has(x->mo, x->source[r], r)) {
                return false;
            }
        }
    }
    synchronize(x, hb);
    join(hb, x->sb, n);
    close_over(hb, n);
    memcpy(eco, fr, sizeof eco);
    join(eco, x->mo, n);
    for (int r = 0; r < n; r++) {
        if (x->events[r].reads) {
            add(eco, x->source[r], r);
        }
    }
    close_over(eco, n);
    for (int a = 0; a < n; a++) { /* coherence */
        for (int b = 0; b < n; b++) {
            if (has(hb, a, b) && (a == b || has(eco, b, a))) {
                return false;
            }
        }
    }
    return is_sc(x, hb, eco, fr);
}

static bool permute(struct execution *x, int l, int from);

/* Choose an order of the stores of location `l`, and of those after it. */
static bool order_from(struct execution *x, int l)
{
    while (l < LM_LOCATIONS && x->n_writes[l] <= 2) {
        l++; /* the initial value comes first */
    }
    return l == LM_LOCATIONS ? is_consistent(x) : permute(x, l, 1);
}

static bool permute(struct execution *x, int l, int from)
{
    int *writes = x->writes[l], n = x->n_writes[l];
    if (from == n) {
        return order_from(x, l + 1);
    }
    for (int i = from; i < n; i++) {
        bool can_be_next = true;
        for (int k = from; k < n; k++) {
            can_be_next = can_be_next && !has(x->sb, writes[k], writes[i]);
        }
        if (can_be_next) {
            int first = writes[from];
            writes[from] = writes[i], writes[i] = first;
            if (permute(x, l, from + 1)) {
                return true;
            }
            first = writes[from];
            writes[from] = writes[i], writes[i] = first;
        }
    }
    return false;
}

/* Choose the store that each load from event `r` on sees. */
static bool some_sources(struct execution *x, int r)
{
    while (r < x->n && !x->events[r].reads) {
        r++;
    }
    if (r == x->n) {
        return order_from(x, 0);
    }
    int l = x->events[r].location;
    for (int i = 0; i < x->n_writes[l]; i++) {
        int w = x->writes[l][i];
        if (w != r && x->events[w].written == x->events[r].read) {
            x->source[r] = w;
            if (some_sources(x, r + 1)) {
                return true;
            }
        }
    }
    return false;
}

static bool can_be(const struct lm_program *program, const struct trace *const traces[LM_THREADS])
{
    static struct execution x;
    uint32_t seen[LM_LOCATIONS] = { 0 }, there[LM_LOCATIONS];
    memset(&x, 0, sizeof x);
    for (int l = 0; l < LM_LOCATIONS; l++) {
        there[l] = UINT32_C(1) << program->init[l];
        x.events[x.n] = (struct event){ l, LM_RELAXED, false, true, 0, program->init[l] };
        x.writes[l][x.n_writes[l]++] = x.n++;
    }
    for (int t = 0; t < program->n_threads; t++) {
        int first = x.n;
        for (int e = 0; e < traces[t]->n; e++) {
            const struct event *event = &traces[t]->events[e];
            x.events[x.n] = *event;
            for (int before = 0; before < x.n; before++) {
                if (before < LM_LOCATIONS || before >= first) {
                    add(x.sb, before, x.n);
                }
            }
            if (event->reads) {
                seen[event->location] |= UINT32_C(1) << event->read;
            }
            if (event->writes) {
                there[event->location] |= UINT32_C(1) << event->written;
                x.writes[event->location][x.n_writes[event->location]++] = x.n;
            }
            x.n++;
        }
    }
    for (int l = 0; l < LM_LOCATIONS; l++) {
        if (seen[l] & ~there[l]) {
            return false;
        }
    }
    return some_sources(&x, 0);
}

bool lm_allows(const struct lm_program *program, bool (*is_so)(uint32_t (*out)[LM_OUTS]))
{
    static struct traces traces[LM_THREADS];
    static_assert(LM_LOCATIONS + LM_THREADS * OF_A_TRACE <= EVENTS, "rows of bits");
    run_threads(program, traces);
    size_t at[LM_THREADS] = { 0 };
    n_tried = 0;
    for (int i = 0; i < program->n_threads; i++) {
        if (traces[i].n == 0) {
            return false;
        }
    }
    for (;;) {
        const struct trace *chosen[LM_THREADS] = { NULL };
        uint32_t out[LM_THREADS][LM_OUTS] = { { 0 } };
        for (int i = 0; i < program->n_threads; i++) {
            chosen[i] = &traces[i].of[at[i]];
            memcpy(out[i], chosen[i]->out, sizeof out[i]);
        }
        n_tried++;
        if (is_so(out) && can_be(program, chosen)) {
            return true;
        }
        int i = 0;
        while (i < program->n_threads && ++at[i] == traces[i].n) {
            at[i++] = 0;
        }
        if (i == program->n_threads) {
            return false;
        }
    }
}

uint64_t lm_n_tried(void)
{
    return n_tried;
}
