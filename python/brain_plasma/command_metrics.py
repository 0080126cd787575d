"""brain-serve-metrics: the figures of a store over HTTP, for Prometheus, by this machine's loopback alone unless
another address is asked for.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import arguments, command
from .metrics import CONTENT_TYPE, Collector

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PLAIN = "text/plain; charset=utf-8"
_HELP = "/metrics has the figures of the store\n"
_SILENCE_S = 30  # how long a connection may be silent before it is closed
_CONNECTIONS = 64  # at once; beyond that the oldest is closed: who scrapes is through in a moment


class Server(ThreadingHTTPServer):
    """Serves the figures of the stores of a Collector."""

    daemon_threads = True  # a scrape that hangs does not keep the process
    block_on_close = False

    def __init__(self, address: tuple[str, int], collector: Collector, hosts: set[str] | None) -> None:
        self.collector = collector
        self.hosts = hosts
        self._was: str | None = None
        self._saying = threading.Lock()
        self._open: dict[Any, None] = {}  # connections, in the order in which they came
        self._counting = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread. Who is slow keeps nobody else out, and takes no more descriptors than there are."""
        oldest = None
        with self._counting:
            self._open[request] = None
            if len(self._open) > _CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
        if oldest is not None:
            with contextlib.suppress(OSError):  # it may just be through
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """At the end of one."""
        with self._counting:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def say(self, why: str) -> None:
        """On stderr, when it has changed: what a scraper meets every few seconds is one line in a log."""
        with self._saying:
            if why == self._was:
                return
            self._was, was = why, self._was
        if why or was:
            command.tell("brain serve-metrics", why or "the store can be read again")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to talk of."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers /metrics."""

    server: Server
    timeout = _SILENCE_S
    server_version = "brain-plasma"
    sys_version = ""

    def do_GET(self) -> None:
        """GET"""
        self._answer(True)

    def do_HEAD(self) -> None:
        """HEAD"""
        self._answer(False)

    def _answer(self, with_body: bool) -> None:
        # A page of a stranger's that a browser here shows could have its own name lead to this address.
        if self.server.hosts is not None and self._host() not in self.server.hosts:
            return self._send(403, _PLAIN, "no such host\n", with_body)
        place = self.path.partition("?")[0]
        text = self.server.collector.text()
        why = self.server.collector.why()
        self.server.say(why)
        if place == "/metrics":
            self._send(200, CONTENT_TYPE, text, with_body)
        elif place == "/":
            self._send(200, _PLAIN, f"{why}\n{_HELP}" if why else _HELP, with_body)
        else:
            self._send(404, _PLAIN, _HELP, with_body)

    def _host(self) -> str:
        host = (self.headers.get("Host") or "").strip().lower()
        if host.startswith("["):
            return host[1:].partition("]")[0]
        return host.partition(":")[0]

    def _send(self, status: int, kind: str, text: str, with_body: bool) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line for each scrape helps nobody."""


def main() -> int:
    """brain-serve-metrics [PORT]"""
    parser = command.parser(
        "brain serve-metrics",
        "Serves the figures of a store as OpenMetrics text, at http://127.0.0.1:PORT/metrics, until it is ended\n"
        "(SIGTERM, Ctrl-C). Where the store is removed, brain_up is 0 until there is one at the path again.",
    )
    parser.add_argument("port", metavar="PORT", nargs="?", type=int, default=9464,
                        help="to listen on (9464); 0: any that is free, which is printed")  # fmt: skip
    parser.add_argument("-a", "--address", default="127.0.0.1",
                        help="to listen on (127.0.0.1); 0.0.0.0 lets the whole network look")  # fmt: skip
    given = parser.parse_args()
    if not 0 <= given.port < 65536:
        parser.error(f"{given.port} is no port: 0 to 65535")
    command.opened(given).close()  # that there is no store is said now
    collector = Collector(_path(given))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a scraper that goes away is no reason to end
    hosts = set(_LOOPBACK) if given.address in _LOOPBACK else None
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        with Server((given.address, given.port), collector, hosts) as server:
            _tell_place(given, server.server_address[1])
            server.serve_forever(poll_interval=3600)
    except _Ended:
        pass
    collector.close()
    return command.DONE


class _Ended(BaseException):
    """A signal asks it to end."""


def _end(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise _Ended


def _tell_place(given: argparse.Namespace, port: int) -> None:
    host = f"[{given.address}]" if ":" in given.address else given.address
    if given.json:
        command.print_json({"store": _path(given), "url": f"http://{host}:{port}/metrics"})
    else:
        print(f"the figures of {command.safe(_path(given))} are at http://{host}:{port}/metrics")
    sys.stdout.flush()


def _path(given: argparse.Namespace) -> str:
    return given.store or arguments.DEFAULT_PATH
