"""How far is a store flat? What calls cost against names, clients, views, namespaces, and a day's churn.

usage: ./run bench scale [--quick | --large]

The points are measured by scale.c, one process and one store each. Prints a table; leaves
build/results/scale.json, and scale-LAW.svg for each law.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

from harness import Row, describe_machine, free_memory, in_c, new_folder, quantity, report

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build/results"
MB = 1_000_000
NAME_BYTES = 400  # that a name takes while it is measured: its records, its hint, and room
FLAT = 1.5  # that a curve which counts as flat may rise: chance alone makes 1.2
MISSES = 50  # where each call misses the caches

AT_RANDOM = frozenset({"get", "get with a hint", "put", "put with a hint"})


class Law(NamedTuple):
    grows: str
    by_caches: frozenset = frozenset()  # the calls that are flat only as far as the caches reach
    # Of each call so many more for each that there is: so what is done once in a quarter of as many puts
    # is done often.
    calls_for_each: int = 0


LAWS = {
    "names": Law("names", by_caches=AT_RANDOM | {"list, for each name"}),
    "clients": Law("open clients"),
    "pins": Law("views held by another process", calls_for_each=1),
    "replaced": Law("views held of values that were replaced since", calls_for_each=1),
    "dropped": Law("views that another process has held before", calls_for_each=1),
    "spaces": Law("namespaces", by_caches=AT_RANDOM | {"find a namespace"}),
}


class Settings:
    n_rounds, n_calls = 7, 50_000
    points = {
        "names": [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
        "clients": [1, 4, 16, 63, 64, 128, 1000],
        "pins": [1, 100, 1000, 3000, 4000, 5000, 10_000, 30_000, 100_000],
        "replaced": [1, 100, 1000, 3000, 10_000, 30_000],
        "dropped": [1, 100, 1000, 3000, 10_000, 30_000, 100_000],
        "spaces": [1, 10, 100, 1000, 10_000, 100_000],
    }
    n_ops, a_window, capacity = 10_000_000, 1_000_000, 1000 * MB


class Quick(Settings):
    n_rounds, n_calls = 2, 2000
    points = {
        "names": [1, 1000, 20_000],
        "clients": [1, 64],
        "pins": [1, 5000],
        "replaced": [1, 2000],
        "dropped": [1, 2000],
        "spaces": [1, 2000],
    }
    n_ops, a_window, capacity = 40_000, 10_000, 100 * MB


class Large(Settings):
    points = {
        **Settings.points,
        "names": [*Settings.points["names"], 10_000_000],
        "pins": [*Settings.points["pins"], 1_000_000],
    }
    capacity = 4000 * MB


# ---- laws ---------------------------------------------------------------------------------------


def measure(law, settings):
    """A point for each n, as scale.c prints it; those that there is no memory for are left out."""
    found = []
    for n in settings.points[law]:
        if n * NAME_BYTES > free_memory():
            say(f"{law} of {n:,} left out: there is no memory for them")
            continue
        say(f"{law} {n:,}")
        n_calls = settings.n_calls + n * LAWS[law].calls_for_each
        with new_folder() as folder:
            point = in_c("scale", folder, law, n, settings.n_rounds, n_calls)
        # The loop is taken off: by chance less than a ns may be left, and is not to be divided by.
        found.append({call: max(value, 1) for call, value in point.items()})
    return found


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def rise(points, call):
    """The two points, one before the other, between which a call becomes dearer by most; and the first n
    that is dearer than the first point. What falls, as the beginning of a walk does, is no rise."""
    least, best = points[0], (points[0], points[0])
    for point in points:
        least = point if point[call] < least[call] else least
        if point[call] * best[0][call] > best[1][call] * least[call]:
            best = (least, point)
    leaves = next((point["n"] for point in points if point[call] > FLAT * points[0][call]), None)
    return *best, leaves


def rows_of(law, points):
    grows, by_caches, _ = LAWS[law]
    for call in points[0]:
        if call == "n":
            continue
        least, most, leaves = rise(points, call)
        note = f"flat would be 1; least at {least['n']:,}, most at {most['n']:,} {grows}"
        if leaves is not None:
            note += f"; above {FLAT} times the first point from {leaves:,} on"
        yield Row(
            f"{law}: {call}",
            most[call],
            "ns",
            MISSES if call in by_caches else FLAT,
            base=least[call],
            ratio=most[call] / least[call],
            base_name="least",
            note=note,
        )


# ---- churn --------------------------------------------------------------------------------------


def churn(settings):
    """Windows of so many operations, and what is left after a trim."""
    capacity = min(settings.capacity, int(free_memory() * 0.25))
    say(f"churn, {settings.n_ops:,} operations")
    with new_folder() as folder:
        *windows, trimmed = in_c("scale", folder, "churn", settings.n_ops, settings.a_window, capacity)
    return {"capacity": capacity, "windows": windows, "trimmed": trimmed}


def churn_rows(found):
    windows, trimmed = found["windows"], found["trimmed"]
    ops = f"of {windows[-1]['n']:,} operations, in {len(windows)} windows"
    for kind in "small", "large":
        medians = [window[f"{kind}_median"] for window in windows]
        worst = [window[f"{kind}_worst"] for window in windows]
        yield Row(
            f"churn: put of a {kind} value, median",
            max(medians),
            "ns",
            FLAT,
            base=min(medians),
            ratio=max(medians) / max(min(medians), 1),
            base_name="least",
            note=f"flat would be 1; {ops}; the worst put of a window took "
            f"{quantity(min(worst), 'ns')} to {quantity(max(worst), 'ns')}",
        )
    for name, point in ("at the end", windows[-1]), ("after a trim", trimmed):
        most = max(window["physical"] / window["live"] for window in windows)
        yield Row(
            f"churn: memory of the store, {name}",
            point["physical"],
            "bytes",
            FLAT,
            base=point["live"],
            ratio=point["physical"] / point["live"],
            base_name="live",
            note=f"{point['names']:,} values of a capacity of {quantity(found['capacity'], 'bytes')}"
            + (f"; most in a window {most:.2f}" if point is windows[-1] else ""),
        )
    yield Row(
        "churn: puts that said FULL though enough was free",
        windows[-1]["full_though_free"],
        "",
        0,
        note=f"FULL was said {windows[-1]['full']:,} times; addresses set aside for values grew "
        f"{windows[-1]['length'] / windows[0]['length']:.2f} times since the first window",
    )


# ---- what is drawn ------------------------------------------------------------------------------


def draw(file, title, x_label, y_label, curves, x_scale="log"):
    """curves: name to a pair of lists."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    for place, (name, (x, y)) in enumerate(curves.items()):
        color = pyplot.get_cmap("tab20")(place % 20)
        axes.plot(x, y, marker="osD^v"[place % 5], markersize=4, color=color, label=name)
    axes.set_xscale(x_scale)
    axes.set_yscale("log")
    axes.grid(axis="both", alpha=0.3)
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, bbox_inches="tight")
    pyplot.close(figure)


def draw_all(laws, found):
    for law, points in laws.items():
        x = [point["n"] for point in points]
        curves = {call: (x, [point[call] for point in points]) for call in points[0] if call != "n"}
        draw(RESULTS / f"scale-{law}.svg", law, LAWS[law].grows, "ns of CPU time a call", curves)
    if found is None:
        return
    windows = found["windows"]
    x = [window["n"] for window in windows]
    curves = {
        f"put of a {kind} value, {what}": (x, [window[f"{kind}_{key}"] for window in windows])
        for kind in ("small", "large")
        for key, what in (("median", "median"), ("p999", "p99.9"), ("worst", "worst"))
    }
    file = RESULTS / "scale-churn.svg"
    draw(file, "churn", "operations", "ns of CPU time", curves, x_scale="linear")
    curves = {"memory by live bytes": (x, [window["physical"] / window["live"] for window in windows])}
    file = RESULTS / "scale-churn-memory.svg"
    draw(file, "churn: memory", "operations", "times the live bytes", curves, x_scale="linear")


# ---- the program --------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(prog="./run bench scale")
    parser.add_argument("--quick", action="store_true", help="few points and calls, to try things")
    parser.add_argument("--large", action="store_true", help="ten million names, a million pins")
    parser.add_argument("--only", nargs="*", help="of these laws, or churn")
    arguments = parser.parse_args()
    settings = Quick if arguments.quick else Large if arguments.large else Settings
    wanted = arguments.only or [*LAWS, "churn"]
    RESULTS.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    laws = {law: measure(law, settings) for law in LAWS if law in wanted}
    found = churn(settings) if "churn" in wanted else None
    rows = [row for law, points in laws.items() for row in rows_of(law, points)]
    rows += churn_rows(found) if found else []
    (RESULTS / "scale.json").write_text(
        json.dumps(
            {"machine": machine, "quick": arguments.quick, "laws": laws, "churn": found}, indent=1
        )
        + "\n"
    )
    draw_all(laws, found)
    print(f"{machine}\n")
    report(rows)


if __name__ == "__main__":
    main()
