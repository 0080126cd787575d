"""Runs the command `brain`: that of the installed wheel, as users have it."""

import errno
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

# Or another one, with sanitizers, say.
BRAIN = os.environ.get("BRAIN_UNDER_TEST", str(Path(sys.prefix) / "bin" / "brain"))
PATIENCE_S = 60  # for what hangs


class Result:
    """What a command said: its status, and stdout and stderr as bytes."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    text = property(lambda self: self.out.decode())
    error = property(lambda self: self.err.decode())
    json = property(lambda self: json.loads(self.out))
    lines = property(lambda self: self.out.decode().splitlines())
    rows = property(lambda self: [line.split("\t") for line in self.lines])

    def __repr__(self):
        return f"<status {self.status}, {self.out!r}, {self.err!r}>"


class Command:
    """Runs `brain` on one store. Nothing of the environment of the tests reaches it, and it has no terminal."""

    def __init__(self, path):
        self.path = path
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/", "BRAIN_PATH": path}

    def __call__(self, *words, status=0, input=b"", environment=(), **popen):
        done = subprocess.run(
            [BRAIN, *words],
            env={**self.environment, **dict(environment)},
            start_new_session=True,  # without a terminal
            capture_output="stdout" not in popen,
            timeout=PATIENCE_S,
            **({} if "stdin" in popen else {"input": input}),
            **popen,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert status is None or result.status == status, result
        return result

    def begin(self, *words, **popen):
        """A process that runs it."""
        return subprocess.Popen(
            [BRAIN, *words],
            env=self.environment,
            start_new_session=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen},
        )

    def on_a_terminal(self, *words, answer=b"", prompt=b"[y/N] ", columns=80, status=0, environment=()):
        """What it prints on a terminal, stdout and stderr together, with what is typed echoed."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [BRAIN, *words],
            env={**self.environment, "TERM": "xterm", **dict(environment)},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        os.close(its)
        said = b""
        while select.select([ours], [], [], PATIENCE_S)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # nobody has the other end any more
                    raise
                break
            if not piece:
                break
            said += piece
            if answer and said.endswith(prompt):
                os.write(ours, answer)
                answer = b""
        os.close(ours)
        assert process.wait(PATIENCE_S) == status, said
        return said.replace(b"\r\n", b"\n")
