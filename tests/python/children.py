"""Forked children of tests."""

import os
import signal
import traceback


class Child:
    """A forked child that runs `function`; its exit status says how that went."""

    def __init__(self, function):
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                function()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)

    def join(self):
        _, status = os.waitpid(self.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def in_child(function):
    """Run it in a forked child, to its end."""
    Child(function).join()
