"""What do gets and puts from C cost, alone and where several processes make them at once? See c_calls.c."""

import os
import statistics

from harness import Row, in_c, new_folder, report

REACH_GET_NS, REACH_PUT_NS = 20, 40
REACH_SMALL, REACH_LARGE, REACH_READERS = 2, 1, 1.1
DELAYED = 0.02  # of a round, that a process may wait for its processor
ENOUGH = 10  # rounds


def alone():
    with new_folder() as folder:
        measured = in_c("c_calls", folder, "alone")
    ns = {call: that - measured["nothing"] for call, that in measured.items()}
    pinned = f"pinned, not copied: {ns['get_pinned']:.0f} ns"
    yield Row("C: get 8 bytes, with a hint", ns["get_hinted"], "ns", REACH_GET_NS)
    yield Row("C: get 8 bytes, without", ns["get_unhinted"], "ns", REACH_GET_NS, note=pinned)
    through = f"by brain_put_bytes(): {ns['put_bytes']:.0f} ns"
    described = f"by brain_try_put(), which takes a struct: {ns['put_value']:.0f} ns"
    yield Row("C: put 8 bytes, with a hint", ns["put_hinted"], "ns", REACH_PUT_NS, note=described)
    yield Row("C: put 8 bytes, without", ns["put_unhinted"], "ns", REACH_PUT_NS, note=through)


def rates(question, what, reach, over, *arguments):
    """`over` makes one number of the rates of several processes: their sum, or their mean."""
    with new_folder() as folder:
        rounds = in_c("c_calls", folder, what, *arguments)

    def that_count(kind):
        """Those in which each process had its processor."""
        return [one for one in rounds if max(one["alone_delayed"], one[f"{kind}_delayed"]) <= DELAYED]

    def times_slower(kind):
        return statistics.median(over(one["alone"]) / over(one[kind]) for one in that_count(kind))

    together, apart = that_count("together"), that_count("apart")
    remark = f"each process had its processor in {len(together)} of {len(rounds)} rounds"
    if min(len(together), len(apart)) < ENOUGH:
        return Row(question, None, "1/s", reach, base_name="alone", note=f"too busy: {remark}")
    least = statistics.median(min(one["together"]) / sum(one["together"]) for one in together)
    return Row(
        question,
        statistics.median(over(one["together"]) for one in together),
        "1/s",
        reach,
        base=statistics.median(over(one["alone"]) for one in together),
        ratio=times_slower("together"),
        base_name="alone",
        note=f"on stores of their own: {times_slower('apart'):.2f}; the slowest makes {least:.0%} of them; "
        f"{remark}, which count",
    )


def readers():
    n_cores = len(os.sched_getaffinity(0))
    for n in 2, 4, 8:
        question = f"C: rate of gets of each of {n} processes"
        if n > n_cores:
            note = f"there are {n_cores} processors"
            yield Row(question, None, "1/s", REACH_READERS, base_name="alone", note=note)
            continue
        yield rates(question, "readers", REACH_READERS, statistics.mean, n)


def lines(n):
    return "1 line" if n == 1 else f"{n} lines"


def stores():
    with new_folder() as folder:
        found = in_c("c_calls", folder, "stores")
    question = "C: lines that gets of two processes both store to"
    if "not_measured" in found:
        yield Row(question, None, "", 0, note=found["not_measured"])
        return
    assert found["common_by_put"] > 0, "not even puts were seen to store to a line in common"
    by_copy, by_pin, by_put = (max(found[kind]) for kind in ("by_copy", "by_pin", "by_put"))
    yield Row(
        question,
        found["common"],
        "",
        0,
        note=f"in {found['gets']:,} gets a process stored to {lines(by_copy)} of the store where the value is copied, "
        f"and in as many to {lines(by_pin)} where it is pinned; a put of each after them to {lines(by_put)}, "
        f"{found['common_by_put']} of them in common",
    )


def rows():
    yield from alone()
    yield rates("C: puts of 8 bytes by two processes, in sum", "small", REACH_SMALL, sum)
    yield rates("C: puts of 1 MB by two processes, in sum", "large", REACH_LARGE, sum)
    yield from readers()
    yield from stores()


if __name__ == "__main__":
    report(rows())
