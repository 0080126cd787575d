"""What bench/peers.py compares, a module each. bench/peer_worker.py says what is in one."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PATIENCE_S = 60
POLLS = "it polls, and keeps a processor busy"


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_server(*arguments, ready, **options):
    """A process that ends with this one, whatever that ends of. Returns once there is the file `ready`."""
    server = subprocess.Popen(arguments, preexec_fn=_die_with_parent, **options)
    end = time.monotonic() + PATIENCE_S
    while not os.path.exists(ready):
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise RuntimeError(f"{arguments[0]} did not start (status {server.wait()})")
        time.sleep(0.01)
    return server


def end_server(server):
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def poll(get):
    """A function that returns once get() gives something else than it does now; it may fail meanwhile."""
    before = get()

    def wait():
        while True:
            with contextlib.suppress(Exception):
                if get() != before:
                    return

    return wait
