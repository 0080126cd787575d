#!/usr/bin/env python3
"""usage: accept.py [--tamper SEED] TRACE WORK

Asks the model whether it can do what the library did: TRACE is what record.c printed, WORK a folder to build
in. The trace becomes a Promela process that tells commit.pml's writers and readers (-DTRACE) one step after
the other; spin looks for a way in which they can take them all, with all properties of the model checked on
that way. Exits with 0 where there is one, 1 where there is none, 2 where the model finds a property violated.

--tamper: two steps of one process that stand together are swapped, or one is left out, and it has to be refused
(0 then, else 1).
"""

import argparse
import random
import re
import subprocess
import sys
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "commit.pml"

# What the arguments of a step are; of all others the first is a slot.
NUMBERS = {"begin", "commit", "advance", "snap_store", "snap_again", "many_again"}
ROWS = {"look_row", "look_pins"}

# What the model has room for.
N_SLOTS = 24
N_NUMBERS = 120


def labels():
    """The steps that the model has."""
    text = MODEL.read_text()
    found = re.findall(r"\b(?:STEP|LOOK|SEES)\((\w+),", text) + re.findall(r"step_(\w+),", text)
    return sorted(set(found) - {"what"})


class Trace:
    """What was recorded, in the model's numbers."""

    def __init__(self, lines):
        self.slots = {0: 0}
        self.clients, self.names, self.events = {}, {}, []
        self.first = self.last = 1
        self.n_writers = self.n_readers = 0
        for line in lines:
            word, *rest = line.split()
            getattr(self, "read_" + word)(*rest)

    def read_clients(self, n_writers, n_readers):
        self.n_writers, self.n_readers = int(n_writers), int(n_readers)

    def read_client(self, who, row):
        self.clients[int(row)] = int(who)

    def read_name(self, i, name_hash):
        self.names[int(name_hash)] = int(i)

    def read_committed(self, number):
        self.first = int(number)

    def read_died(self, who):
        self.events.append((int(who), "died", 0, 0))

    def read_step(self, who, name, a, b):
        a, b = int(a), int(b)
        if name in NUMBERS:
            a = self.number(a)
        elif name in ROWS:
            a = self.clients.get(a, 0)
            if a <= self.n_writers:
                return  # nobody who reads
        elif name == "load_word":
            if a not in self.names:
                return  # the entry of the namespace, in which nothing changes
            a = self.names[a]
        else:
            if name == "take":
                self.slots.setdefault(a, len(self.slots))
            if a not in self.slots:
                return  # the same
            a = self.slots[a]
            b = self.number(b) if name in ("to_limbo", "stays_in_limbo") else 0
        self.events.append((int(who), name, a, b))

    def number(self, number):
        self.last = max(self.last, number - self.first + 1)
        return number - self.first + 1

    def fits(self):
        return len(self.slots) <= N_SLOTS + 1 and self.last < N_NUMBERS

    def tamper(self, seed):
        """Swap two neighbours of a writer's, or leave one out. Says what it did."""
        chance = random.Random(seed)
        while True:
            i = chance.randrange(len(self.events) - 1)
            who, name, *_ = self.events[i]
            following = [k for k in range(i + 1, len(self.events)) if self.events[k][0] == who]
            # What may be missing or early without a difference: a wait, a slot that is not looked at.
            if who > self.n_writers or name in ("lock_wait", "lock_try", "collect", "undo", "died") or not following:
                continue
            k = following[0]
            if self.events[k][1] in ("lock_wait", "lock_try", "collect", "died", "look_pins", name):
                continue
            if chance.random() < 0.5:
                self.events[i], self.events[k] = self.events[k], self.events[i]
                return f"{name} and {self.events[i][1]} swapped at {i}"
            del self.events[i]
            return f"{name} left out at {i}"

    def text(self, steps):
        return "".join(f"{steps[name]} {who} {a} {b}\n" for who, name, a, b in self.events)

    def defines(self):
        return [
            "-DTRACE", "-DPUT", "-DDELETE", "-DBATCH", "-DMIXED", "-DREPLACE", "-DRECLAIM", "-DTOMBS", "-DADVANCE", "-DABORT",
            "-DGET", "-DMANY", "-DSNAPSHOT", "-DN_THERE=0", f"-DN_WRITERS={self.n_writers}", f"-DN_READERS={self.n_readers}",
            f"-DN_SLOTS={N_SLOTS}", f"-DN_NUMBERS={N_NUMBERS}",
        ]  # fmt: skip


# Reads the trace when it runs, so that it has to be compiled once. `at` is part of the state.
TELLER = '''
c_decl {
\#include <stdio.h>
\#include <stdlib.h>
    static struct { unsigned char what, who, a, b; } told[60000];
    static int n_told, furthest;
    static void say_how_far(void) { printf("furthest: %d\\n", furthest); }
    static int is_there(int i)
    {
        if (n_told == 0) {
            unsigned what, who, a, b;
            while (scanf("%u %u %u %u", &what, &who, &a, &b) == 4) {
                told[n_told].what = what;
                told[n_told].who = who;
                told[n_told].a = a;
                told[n_told++].b = b;
            }
            atexit(say_how_far);
        }
        if (i > furthest) { furthest = i; }
        return i < n_told;
    }
};
short at;
byte next_a, next_b, more;
bool accepted;
proctype teller() {
    do
    :: atomic {
           c_code {
               now.more = is_there(now.at);
               if (now.more) {
                   now.next_what = told[now.at].what;
                   now.next_a = told[now.at].a;
                   now.next_b = told[now.at].b;
                   now.turn = told[now.at].who;
               }
           };
           if
           :: more -> tell!next_what, turn, next_a, next_b; at++
           :: else -> break
           fi }
    od;
    accepted = true;
    assert(!accepted)
}
'''


def ask(trace, work):
    '''"accepted", "refused", or the assertion that failed; and how far it went.'''
    steps = {label: i + 1 for i, label in enumerate(labels())}
    defines = trace.defines()
    built = work / "defines"
    if not built.exists() or built.read_text() != repr(defines):
        work.mkdir(exist_ok=True)
        (work / "labels.pml").write_text("".join(f"#define step_{label} {i}\n" for label, i in steps.items()))
        (work / "trace.pml").write_text(TELLER)
        (work / "commit.pml").write_text(MODEL.read_text())
        run(["spin", *defines, "-a", "commit.pml"], work)
        run(["cc", "-w", "-O0", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=8192", "-DMEMLIM=4000", "-o", "pan", "pan.c"], work)
        built.write_text(repr(defines))
    done = subprocess.run(["./pan", "-E", "-m500000"], cwd=work, capture_output=True, text=True, input=trace.text(steps))
    out = done.stdout
    failed = re.search(r"assertion violated (.*) \(at", out)
    if failed is None and ("errors: 0" not in out or "too small" in out or "not completed" in out):
        sys.exit(f"accept.py: the search went wrong:\n{out}")
    if failed is not None:
        return "accepted" if "accepted" in failed.group(1) else failed.group(1)
    furthest = int(re.search(r"furthest: (\d+)", out).group(1))
    return f"refused at step {furthest}, " + " ".join(map(str, trace.events[furthest]))


def run(command, work):
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"accept.py: {' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tamper", type=int)
    parser.add_argument("--labels", action="store_true", help="print the steps that the model has")
    parser.add_argument("trace", type=Path, nargs="?")
    parser.add_argument("work", type=Path, nargs="?")
    args = parser.parse_args()
    if args.labels:
        print("\n".join(labels()))
        return 0
    trace = Trace(args.trace.read_text().splitlines())
    if not trace.fits():
        sys.exit(f"accept.py: {args.trace} has {len(trace.slots) - 1} slots and {trace.last} commits")
    what = f"{args.trace.name}: {len(trace.events)} steps"
    if args.tamper is not None:
        what += ", " + trace.tamper(args.tamper)
    answer = ask(trace, args.work)
    print(f"{what}: {answer}")
    if args.tamper is not None:
        return 0 if answer.startswith("refused") else 1
    return 0 if answer == "accepted" else 1 if answer.startswith("refused") else 2


if __name__ == "__main__":
    sys.exit(main())
