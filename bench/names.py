"""What does it cost to list 100,000 names, and to remove a namespace of 10,000?"""

import os
import statistics

from harness import STOP, Row, beside, new_brain, percentile, report, timed

REACH_LIST_NS, REACH_REMOVE_NS, REACH_PARTS = 10e6, 10e3, 0
N_LISTED, N_LISTS = 100_000, 30
N_REMOVED, N_REMOVALS = 10_000, 50
N_LOOKED_AT = 100  # of them, at once
SPACE = "removed"


def names(n):
    return [f"name {number}" for number in range(n)]


def listing():
    with new_brain() as brain:
        brain.update(dict.fromkeys(names(N_LISTED), 1))
        assert len(brain.names()) == N_LISTED
        taken = [timed(brain.names) for _ in range(N_LISTS)]
    return Row(f"list {N_LISTED:,} names", statistics.median(taken), "ns", REACH_LIST_NS)


def look(path, words):
    """The other process: looks at the namespace again and again, and counts what it saw of it: whole,
    gone, and neither."""
    from brain_plasma import Brain

    looked_at = names(N_REMOVED)[:: N_REMOVED // N_LOOKED_AT]
    with Brain(path, create=False) as brain:
        while words[0] != STOP:
            for n_seen, n_whole in (
                (len(brain.get_many(looked_at, namespace=SPACE)), len(looked_at)),
                (len(brain.names(SPACE)), N_REMOVED),
            ):
                what = 1 if n_seen == n_whole else 2 if n_seen == 0 else 3
                words[what] += 1


def remove(brain, settle=lambda: None):
    """What each removal took in ns, and each step that made what is removed: with it most of what the
    removal before it has left is taken apart. Unless settle() did that, which follows each removal."""
    values = dict.fromkeys(names(N_REMOVED), 1)
    removals, made = [], []
    for _ in range(N_REMOVALS):
        made.append(timed(lambda: brain.set_many(values, namespace=SPACE)))
        removals.append(timed(lambda: brain.remove_namespace(SPACE)))
        settle()
    return removals, made


def removing():
    question = f"remove a namespace of {N_REMOVED:,} names"
    with new_brain() as brain:
        removals, made = remove(brain)
        _, made_otherwise = remove(brain, settle=brain.trim)
        with beside(look, brain.path) as other:
            words = other.words
            while words[1] == 0 and words[2] == 0 and not other.has_ended():
                os.sched_yield()
            watched, _ = remove(brain)
    yield Row(
        question,
        statistics.median(removals),
        "ns",
        REACH_REMOVE_NS,
        note=f"p90 {percentile(removals, 0.9) / 1e3:.0f} us; while another process looks "
        f"{statistics.median(watched) / 1e3:.0f} us; to put {N_REMOVED:,} names takes "
        f"{statistics.median(made) / 1e6:.1f} ms after one, "
        f"{statistics.median(made_otherwise) / 1e6:.1f} ms otherwise",
    )
    yield Row(
        "the same: looks of another process that saw a part",
        words[3],
        "",
        REACH_PARTS,
        note=f"{words[1]:,} saw it whole, {words[2]:,} did not see it; {N_REMOVALS} removals, each "
        "after one step that made it",
    )


def rows():
    yield listing()
    yield from removing()


if __name__ == "__main__":
    report(rows())
