"""Writers for random_kills that are Python processes: started by it, and killed by it.

usage: random_kills.py BOARD_FD PATH KILLER

To start an interpreter takes a hundred times as long as to change something. So this one imports
the package, and forks a writer for each line that it reads, a number and a seed; it answers with
the process id, as four bytes. The writer is no child of its, but of KILLER, a process id.

A writer does what kills_writer.c does, as far as a Brain can: no batch over two namespaces, nothing written
in place. kills.h tells what the board is; its words are in the order of the structs there.
"""

import ctypes
import mmap
import os
import random
import signal
import struct
import sys

from brain_plasma import Brain

WRITERS_MAX = READERS_MAX = 40
SINGLES, GROUP, GUESTS = 16, 8, 200
CELLS = SINGLES + GROUP + GUESTS
FIRST_GUEST = SINGLES + GROUP
SHARED = 12
OF_SHARED = 1000
SIZE_MIN = HEAD_BYTES = 24
SIZE_MASK = (1 << 23) - 1
PLAIN = 1 << 23

# How probable a size below which limit is, added up: as some_size() in kills_writer.c.
SIZES = [(0.6, 120), (0.8, 1500), (0.99, 60000), (1, 1 << 20)]

# Words of the board.
STOP, FAILED, N_WRITERS, N_READERS, WRITERS = range(5)
ROW, N_OPS, N_FULL, SEQUENCE, N_COUNTED, FLIGHT_N, FLIGHT_CELL = range(7)
FLIGHT_OLD = FLIGHT_CELL + CELLS
FLIGHT_NEW = FLIGHT_OLD + CELLS
DONE = FLIGHT_NEW + CELLS
WRITER_WORDS = DONE + CELLS
TEXT = WRITERS + WRITER_WORDS * WRITERS_MAX + 2 * READERS_MAX
TEXT_BYTES = 1024

# Of the file `clients` (layout.h).
ROWS_OFF, ROW_BYTES, ROWS_MAX = 4096, 256, 16384


class Board:
    """The words of one writer, and those that all share."""

    def __init__(self, fd, number):
        self.memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self.words = memoryview(self.memory)[: TEXT * 8].cast("Q")
        self.base = WRITERS + WRITER_WORDS * number

    def get(self, word):
        return self.words[self.base + word]

    def set(self, word, value):
        self.words[self.base + word] = value

    def add(self, word, more=1):
        value = self.get(word) + more
        self.set(word, value)
        return value

    def fail(self, text):
        if self.words[FAILED] == 0:
            self.words[FAILED] = 1
            data = text.encode()[: TEXT_BYTES - 1] + b"\0"
            self.memory[TEXT * 8 : TEXT * 8 + len(data)] = data
            self.words[FAILED] = 2
        sys.exit(1)


def own_row(directory):
    """The row of this process in the client table, + 1; 0 where it is not to be found."""
    namespace = os.stat("/proc/self/ns/pid").st_ino
    found, newest = 0, -1
    with open(os.path.join(directory, "clients"), "rb") as file:
        file.seek(ROWS_OFF)
        for row in range(ROWS_MAX):
            record = file.read(ROW_BYTES)
            state, pid, of_namespace, start_ns = struct.unpack_from("=IiQQ", record)
            if start_ns == 0:
                break  # never used, and so are all behind it
            is_own = state == 1 and pid == os.getpid() and of_namespace == namespace
            if is_own and start_ns > newest:
                found, newest = row + 1, start_ns
    return found


class Writer:
    def __init__(self, board, number, seed, path):
        self.board = board
        self.number = number
        self.random = random.Random(seed)
        self.flight = []
        # One Brain, so one client: the killer looks for its row.
        self.brain = Brain(path, create=False, long_namespaces=True)
        self.settle()
        self.board.set(ROW, own_row(self.brain.directory))

    # ---- flights: see kills_writer.c ----------------------------------------------------------

    def book(self, cell, identity):
        i = len(self.flight)
        self.board.set(FLIGHT_CELL + i, cell)
        self.board.set(FLIGHT_OLD + i, self.board.get(DONE + cell))
        self.board.set(FLIGHT_NEW + i, identity)
        self.flight.append((cell, identity))

    def take_off(self):
        self.board.set(FLIGHT_N, len(self.flight))

    def land(self):
        for cell, identity in self.flight:
            self.board.set(DONE + cell, identity)
        self.board.set(FLIGHT_N, 0)
        self.flight = []

    def settle(self):
        board = self.board
        found = [self.identify(cell) for cell in range(CELLS)]
        n = board.get(FLIGHT_N)
        cells = [board.get(FLIGHT_CELL + i) for i in range(n)]
        now = [found[cell] for cell in cells]
        if now not in (
            [board.get(FLIGHT_OLD + i) for i in range(n)],
            [board.get(FLIGHT_NEW + i) for i in range(n)],
        ):
            board.fail(f"writer {self.number}: a flight of {n} cells is there in part: {now}")
        for cell in cells:
            board.set(DONE + cell, found[cell])
        board.set(FLIGHT_N, 0)
        for cell in range(CELLS):
            if found[cell] != board.get(DONE + cell):
                board.fail(f"writer {self.number}, cell {cell}: is {found[cell]:x}, "
                           f"but {board.get(DONE + cell):x} was done last")

    # ---- names and values ---------------------------------------------------------------------

    def at(self, namespace):
        if self.brain.namespace != namespace:
            self.brain.set_namespace(namespace)
        return self.brain

    def place(self, cell):
        """Brain and name of a cell."""
        if cell < SINGLES:
            return self.at(f"w{self.number}"), f"s{cell}"
        if cell < FIRST_GUEST:  # never there: a group needs two namespaces
            return self.at(f"w{self.number}"), f"g{cell - SINGLES}"
        return self.at(f"t{self.number}"), f"t{cell - FIRST_GUEST}"

    def identify(self, cell):
        brain, name = self.place(cell)
        value = brain.get(name)
        if value is None:
            return 0
        who, identity, word = struct.unpack_from("=QQQ", value)
        size = identity & SIZE_MASK
        if who != self.number << 32 | cell or size != len(value):
            self.board.fail(f"writer {self.number}, cell {cell}: holds a value of {who:x}")
        if identity & PLAIN and value[HEAD_BYTES:] != self.pattern(word, size):
            self.board.fail(f"writer {self.number}, cell {cell}: {identity:x} has wrong bytes")
        return identity

    @staticmethod
    def pattern(word, size):
        n = size - HEAD_BYTES
        return (word.to_bytes(8, "little") * (n // 8 + 1))[:n]

    def new_identity(self, most=0):
        dice = self.random.random()
        most = most or next(m for p, m in SIZES if dice < p)
        return self.board.add(SEQUENCE) << 24 | PLAIN | SIZE_MIN + self.random.randrange(most)

    def value(self, owner, number, identity):
        word = self.random.getrandbits(64)
        head = struct.pack("=QQQ", owner << 32 | number, identity, word)
        return head + self.pattern(word, identity & SIZE_MASK)

    # ---- changes ------------------------------------------------------------------------------

    def put_single(self):
        cell, identity = self.random.randrange(SINGLES), self.new_identity()
        brain, name = self.place(cell)
        value = self.value(self.number, cell, identity)
        self.book(cell, identity)
        self.take_off()
        brain[name] = value
        self.land()

    def put_if(self):
        cell, identity = self.random.randrange(SINGLES), self.new_identity()
        brain, name = self.place(cell)
        value = self.value(self.number, cell, identity)
        version = brain.version(name)
        self.book(cell, identity)
        self.take_off()
        if brain.replace_if(name, value, version) is None:
            self.board.fail(f"writer {self.number}, cell {cell}: the version was stale")
        self.land()

    def delete_single(self):
        cell = self.random.randrange(SINGLES)
        brain, name = self.place(cell)
        self.book(cell, 0)
        self.take_off()
        del brain[name]
        self.land()

    def change_guests(self):
        cells = range(FIRST_GUEST, CELLS)
        if self.board.get(DONE + FIRST_GUEST) == 0:
            identity = self.new_identity(24)
            values = {}
            for cell in cells:
                values[self.place(cell)[1]] = self.value(self.number, cell, identity)
                self.book(cell, identity)
            self.take_off()
            self.at(f"t{self.number}").set_many(values)
        else:
            for cell in cells:
                self.book(cell, 0)
            self.take_off()
            self.at(f"w{self.number}").remove_namespace(f"t{self.number}")
        self.land()

    def change_shared(self):
        number = 1 + self.random.randrange(SHARED - 1)
        shared = self.at("shared")
        if self.random.random() < 0.25:
            del shared[f"c{number}"]
        else:
            shared[f"c{number}"] = self.value(OF_SHARED, number, self.new_identity())

    def count(self):
        shared, raised = self.at("shared"), None
        while raised is None:
            version = shared.version("c0")
            value = shared.get("c0", 0) if version else 0
            # Where another raised it between these calls, the version is stale and nothing happens.
            raised = shared.replace_if("c0", value + 1, version)
        self.board.add(N_COUNTED)

    def trim(self):
        self.brain.trim()

    def run(self):
        changes = [self.put_single, self.put_if, self.delete_single, self.change_guests,
                   self.change_shared, self.count, self.trim]
        weights = [36, 15, 10, 14, 12, 8, 1]
        while not self.board.words[STOP]:
            try:
                self.random.choices(changes, weights)[0]()
            except MemoryError:
                self.board.set(FLIGHT_N, 0)
                self.flight = []
                self.board.add(N_FULL)
            self.board.add(N_OPS)
        self.settle()
        self.board.set(ROW, 0)
        self.brain.close()


def write(fd, number, seed, path):
    board = Board(fd, number)
    try:
        Writer(board, number, seed, path).run()
    except Exception as error:
        board.fail(f"writer {number}: {type(error).__name__}: {error}")


PR_SET_PDEATHSIG = 1


def belong_to(killer):
    """End with it. Between us there was a process, which is about to be gone."""
    while os.getppid() != killer:
        os.sched_yield()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != killer:
        os._exit(1)


def fork_orphan(live):
    """The process id of somebody who lives, and whom whoever takes in our orphans has to reap."""
    ours, theirs = os.pipe()
    between = os.fork()
    if between == 0:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.close(1)
            status = 1
            try:
                live()
                status = 0
            finally:
                os._exit(status)
        os.write(theirs, struct.pack("=i", pid))
        os._exit(0)
    os.close(theirs)
    answer = os.read(ours, 4)
    os.close(ours)
    os.waitpid(between, 0)
    return answer


def main():
    fd, path, killer = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for line in sys.stdin:
        number, seed = map(int, line.split())

        def live(number=number, seed=seed):
            belong_to(killer)
            write(fd, number, seed, path)

        os.write(1, fork_orphan(live))


main()
