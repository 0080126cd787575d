"""A process that is stopped in the middle of a change: while it holds the lock of a store."""

import mmap
import os
import signal
import struct

# It holds the lock for most of the time: check() does throughout.
BUSY = """
from brain_plasma import Brain
brain = Brain(path)
brain.set_many({str(n): n for n in range(20_000)})
brain['x'] = 0
print('ready', flush=True)
while True:
    brain.check()
"""

# src/layout.h: `lock_word` of the state page; src/lock.h: its bits.
LOCK_WORD = 4096 + 128
OWNER = 0x7FFF
EPOCH = 16


def stop_in_the_lock(path, writer):
    """Stop `writer`, an Other that runs BUSY and is the only one to change the store, while it holds the lock.

    It is stopped when the lock is seen taken. If it has let go until it stops it goes on to its next holding:
    to stop it again at once would find it where it was, for it may not have run in between.
    """
    with open(f"{path}/data", "rb") as file, mmap.mmap(file.fileno(), 8192, prot=mmap.PROT_READ) as head:

        def word():
            return struct.unpack_from("=Q", head, LOCK_WORD)[0]

        epoch = -1
        while True:
            seen = word()
            if seen & OWNER == 0 or seen >> EPOCH == epoch:
                os.sched_yield()
                continue
            writer.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, writer.pid, os.WSTOPPED)
            if word() & OWNER:
                return
            epoch = word() >> EPOCH
            writer.signal(signal.SIGCONT)
