"""Notifications about Plasma objects: from a queue in the store to a socket of this process.

A queue collects what happened, in order, from the moment that subscribe() has returned; whoever seals
or deletes an object puts it there, and waits for nobody. A thread of the subscriber takes it out and
writes it into one end of a socket pair, whose other end is the user's. A user who does not read stops
that thread, and nobody else.

On the socket each message is its length, 8 bytes in the machine's order, and then as many bytes, which
decode() turns into ids and sizes.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import struct
import threading
import weakref

from . import _core
from .exceptions import BrainError


_ENTRY = struct.Struct("=20sqq")
_MESSAGE = struct.Struct("=Q20sqq")  # with its length; all are of one entry
_AT_ONCE = 1000  # messages in a write
_LOOK_EVERY_MS = 200  # whether to stop: while nothing happens, and while nobody reads


def decode(message: bytes | bytearray | memoryview) -> list[tuple[bytes, int, int]]:
    """(id, data size, metadata size) of each object that a message is about. ValueError where it is
    none."""
    size = memoryview(message).nbytes
    if size == 0 or size % _ENTRY.size:
        raise ValueError(f"these {size} bytes are no notification: give all of one, without length")
    return list(_ENTRY.iter_unpack(message))


class Subscription:
    """One subscription of this process to what happens in the store at `path`, opened as `flags` say.

    has_ended: whether the end of the stream was read, so that nothing is lost by beginning another.

    Threads: any. Fork: the child has none; close() does nothing there.
    """

    def __init__(self, path: str, flags: int) -> None:
        self.has_ended = False
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._pid = os.getpid()
        try:
            self._pump = _Pump(path, flags, self._writer)
        except BaseException:
            self._reader.close()
            self._writer.close()
            raise
        self._thread = threading.Thread(
            target=self._pump.run, name="brain_plasma notifications", daemon=True
        )
        _subscriptions.add(self)
        self._finalizer = weakref.finalize(self, _stop, self._pump, self._pid)
        self._finalizer.atexit = False  # but leave()

    def begin(self) -> None:
        """Let the thread run, once. Not under a lock: what the collector runs in it may want that."""
        self._thread.start()

    def socket(self) -> socket.socket:
        """The end to read from: a new socket object on the same stream each time."""
        return self._reader.dup()

    def next(self) -> tuple[bytes, int, int]:
        """Wait for the next message, and take it from the stream.

        BrainError where there will be none: the subscription was closed, or dropped since nobody
        had read 100,000 messages.
        """
        return _MESSAGE.unpack(self._receive(_MESSAGE.size))[1:]

    def _receive(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            part = self._reader.recv(size - len(received), socket.MSG_WAITALL)
            if not part:
                self.has_ended = True
                raise BrainError(self._pump.why or "this subscription has ended")
            received += part
        return received

    def close(self) -> None:
        """End it, with all that was not read."""
        self._finalizer()
        self._reader.close()

    def leave(self) -> None:
        """At the end of the process: nothing is left in the store. A thread that waits for the next
        message is not told: it will be gone without a word, as any other that waits.
        """
        if os.getpid() == self._pid and self._finalizer.detach():
            self._pump.leave()

    def forget_in_child(self) -> None:
        """After a fork: the stream is the parent's, who reads it, and has to end when the parent
        closes it. Here it has ended.
        """
        self._finalizer.detach()
        self._writer.close()
        self._reader.close()
        self._reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        writer.close()
        self.has_ended = True
        self._pump.why = "a subscription stays with the process that made it: subscribe() here"


_subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()

# To be held by whoever begins or ends a subscription of a client. No fork comes in between: else the
# child would wait for a thread that it does not have.
changing = threading.RLock()


def _forget_all_in_child() -> None:
    changing.release()
    for subscription in list(_subscriptions):
        subscription.forget_in_child()


os.register_at_fork(
    before=changing.acquire,
    after_in_parent=changing.release,
    after_in_child=_forget_all_in_child,
)


def _leave_all() -> None:
    for subscription in list(_subscriptions):
        subscription.leave()


atexit.register(_leave_all)


def _stop(pump: _Pump, pid: int) -> None:
    if os.getpid() == pid:
        pump.stop()


class _Pump:
    """What the thread of a subscription does. It has a client of its own, so that neither waits for
    the other's end."""

    def __init__(self, path: str, flags: int, writer: socket.socket) -> None:
        self.why = ""
        self._leaves = False
        self._client = _core.Plasma(path, flags)
        self._token = os.urandom(16)
        self._writer = writer
        self._writer.setblocking(False)
        self._stopped = threading.Event()
        self._client._subscribe(self._token)
        # What was done until then is told by what there is then, and not by the queue.
        self._begin, self._present = self._client._sealed()

    def stop(self) -> None:
        self._stopped.set()
        try:
            self._client._unsubscribe(self._token)
            self._writer.shutdown(socket.SHUT_RDWR)
        except (BrainError, OSError):
            pass  # of a store that is gone nothing is left, and the other end may be, too

    def leave(self) -> None:
        self._leaves = True
        self._stopped.set()
        try:
            self._client._unsubscribe(self._token)
        except (BrainError, OSError):
            pass

    def run(self) -> None:
        try:
            self._pump()
        except (BrainError, OSError) as error:
            self.why = self.why or f"this subscription has ended: {error}"
        if not self._leaves:
            self._writer.close()
            self._client._disconnect()

    def _pump(self) -> None:
        self._tell(sorted(self._present))
        self._present.clear()
        number = 0
        while not self._stopped.is_set():
            number, entries = self._client._take(self._token, number, _LOOK_EVERY_MS * 1_000_000)
            if entries is None and not self._stopped.is_set():
                self.why = (
                    "this subscription was dropped: too many notifications were waiting. Read them "
                    "sooner; subscribe() begins another"
                )
            if entries is None:
                return
            self._tell([entry for entry in entries if entry[0] > self._begin])

    def _tell(self, entries: list[tuple[int, bytes, int, int]]) -> None:
        for begin in range(0, len(entries), _AT_ONCE):
            some = entries[begin : begin + _AT_ONCE]
            self._send(b"".join(_MESSAGE.pack(_ENTRY.size, *entry[1:]) for entry in some))

    def _send(self, message: bytes) -> None:
        poll = select.poll()
        poll.register(self._writer, select.POLLOUT)
        rest = memoryview(message)
        while rest and not self._stopped.is_set():
            if poll.poll(_LOOK_EVERY_MS):
                rest = rest[self._writer.send(rest) :]
