"""How long does it take to open a store, and to import the package?

usage: attach.py           the figures
       attach.py STORE     what a fresh process measures, as JSON
"""

import sys
import time

REACH_ATTACH_S, REACH_IMPORT_S = 300e-6, 30e-3
N_PROCESSES, N_AGAIN = 21, 100


def rows():
    import statistics

    from harness import Row, in_fresh_process, new_brain

    with new_brain() as brain:
        brain["x"] = 1
        found = [in_fresh_process(__file__, brain.path) for _ in range(N_PROCESSES)]
    assert not any(one["numpy"] for one in found)
    again = statistics.median(one["again_s"] for one in found)
    yield Row(
        "attach to a store, in a fresh process",
        statistics.median(one["attach_s"] for one in found),
        "s",
        REACH_ATTACH_S,
        note=f"again in the same process: {again * 1e6:.0f} us",
    )
    yield Row(
        "import brain_plasma, without NumPy",
        statistics.median(one["import_s"] for one in found),
        "s",
        REACH_IMPORT_S,
    )


def measure(path):
    # Nothing else is imported before: it would be counted out.
    began = time.perf_counter()
    from brain_plasma import Brain

    import_s = time.perf_counter() - began
    attaches_s = []
    for _ in range(1 + N_AGAIN):
        began = time.perf_counter()
        brain = Brain(path, create=False)
        attaches_s.append(time.perf_counter() - began)
        brain.close()
    import json
    import statistics

    result = {
        "import_s": import_s,
        "attach_s": attaches_s[0],
        "again_s": statistics.median(attaches_s[1:]),
        "numpy": "numpy" in sys.modules,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        from harness import report

        report(rows())
