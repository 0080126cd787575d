"""The example programs, as their users have them: values over restarts, sessions in a web server whose
workers are killed, and a Dash app whose workers share a table."""

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from brain_plasma import Brain

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE_S = 60  # only for what never comes
N_WORKERS = 3

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def until(condition):
    """Wait until `condition()` holds. Returns what it gave."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return result


def die_with_parent():
    """For a child: no server outlives a run of tests that was killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """Gunicorn with one of the examples. It gets a socket that listens already, so that no port can be
    taken by somebody else, and no request comes too early."""

    def __init__(self, app, folder, *arguments, **environment):
        self.log = folder / "gunicorn.log"
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, self.log.open("wb") as log:
            self.address = listener.getsockname()
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", f"--bind=fd://{listener.fileno()}"),
                    *(f"--chdir={EXAMPLES}", f"--workers={N_WORKERS}", "--graceful-timeout=5"),
                    *arguments,
                    app,
                ],
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
                cwd=folder,
                env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder), **environment},
            )

    def request(self, method, url, body=None, timeout=PATIENCE_S):
        """(status, what the JSON of the answer is, headers). OSError or HTTPException: no answer."""
        assert self.process.poll() is None, self.log.read_text()
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        with contextlib.closing(connection):
            text = None if body is None else json.dumps(body)
            connection.request(method, url, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, json.loads(content) if is_json else content, response.headers

    def workers(self):
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@pytest.fixture
def serve(path, tmp_path):
    """A function that starts servers, which have ended when the store at `path` is removed."""
    servers = []

    def start(*arguments, **environment):
        servers.append(Server(arguments[0], tmp_path, *arguments[1:], **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


# ---- values over restarts -----------------------------------------------------------------------


def test_values_outlive_a_process_that_is_killed_again_and_again(path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "restarts.py", "--kills=8", f"--path={path}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("killed 8 times: ")
    with Brain(path, "restarts", create=False) as brain:
        assert done.stdout.split()[3] == str(brain["done"])
        assert brain["table"][:, 0].tolist() == list(range(brain["done"]))


# ---- sessions in a web server -------------------------------------------------------------------


class User:
    """Somebody whose requests are all about one session, and who knows what must be in it. Where a
    request was not answered both is right, what was there before it and what it was to bring."""

    def __init__(self, server, number):
        self._server = server
        self._number = number
        self._turn = 0
        self._maybe = [{}]  # what may be there
        self.n_answers = self.n_unanswered = 0
        self.workers = set()
        self._url = f"/sessions/{self._ask_until_answered('POST', '/sessions')['session']}"

    def _ask(self, method, url, body=None):
        """The answer, or None where there was none."""
        try:
            status, content, headers = self._server.request(method, url, body)
        except (OSError, http.client.HTTPException):
            self.n_unanswered += 1
            return None
        assert status < 300, (status, content)
        self.n_answers += 1
        self.workers.add(int(headers["X-Worker"]))
        return content

    def _ask_until_answered(self, method, url):
        return until(lambda: self._ask(method, url))

    def _change(self, new, method, url, body=None):
        answered = self._ask(method, url, body) is not None
        self._maybe = [new] if answered else [*self._maybe, new]
        self.check()

    def check(self):
        there = self._ask_until_answered("GET", self._url)
        assert there in self._maybe
        self._maybe = [there]

    def take_a_turn(self):
        """Change two values at once, look, and remove one."""
        self._turn += 1
        new = {"turn": self._turn, "of": f"user {self._number}, turn {self._turn}" * 50}
        self._change({**self._maybe[0], **new}, "PUT", self._url, new)
        if self._turn % 5 == 0:
            left = {name: value for name, value in self._maybe[0].items() if name != "of"}
            self._change(left, "DELETE", f"{self._url}/of")

    def value(self, name):
        return self._ask_until_answered("GET", f"{self._url}/{name}")["value"]

    def leave(self):
        assert self._ask("DELETE", self._url) is not None
        status, _, _ = self._server.request("GET", self._url)
        assert status == 404


def workers_of(users):
    """Those that have answered."""
    return set.union(*(user.workers for user in users))


def test_sessions_keep_their_values_while_workers_are_killed(serve, path):
    server = serve("sessions:app", SESSIONS_STORE=path)
    users = [User(server, number) for number in range(4)]
    over = threading.Event()
    failures = []

    def use(user):
        try:
            while not over.is_set():
                user.take_a_turn()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=use, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    try:
        n_killed = 0
        while not failures and (n_killed < 20 or sum(user.n_unanswered for user in users) < 3):
            n_before = sum(user.n_answers for user in users)
            until(lambda: failures or sum(user.n_answers for user in users) >= n_before + 25)
            at_work = until(lambda: [pid for pid in server.workers() if pid in workers_of(users)])
            victim = at_work[n_killed % len(at_work)]
            os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in server.workers())  # its parent knows, and starts another
            n_killed += 1
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failures, failures
    assert len(workers_of(users)) > N_WORKERS

    for user in users:
        user.take_a_turn()
        assert user.value("turn") == user._turn
    with Brain(path, create=False, long_namespaces=True) as brain:
        assert len(brain.namespaces()) == 1 + len(users)  # and default
        for user in users:
            user.leave()
        assert brain.namespaces() == {"default"}
        assert brain.used() == 0
        assert brain.check() == []


def test_a_session_knows_nothing_of_another(serve, path):
    server = serve("sessions:app", SESSIONS_STORE=path)
    urls = []
    for number in range(2):
        status, content, _ = server.request("POST", "/sessions")
        assert status == 201
        urls.append(f"/sessions/{content['session']}")
        assert server.request("PUT", urls[-1], {"cart": [number], f"of {number}": True})[0] == 204
    assert server.request("GET", urls[0])[1] == {"cart": [0], "of 0": True}
    assert server.request("GET", urls[1])[1] == {"cart": [1], "of 1": True}
    assert server.request("GET", f"{urls[0]}/of%201")[0] == 404
    assert server.request("DELETE", urls[0])[0] == 204
    assert server.request("PUT", urls[0], {"cart": []})[0] == 404
    assert server.request("GET", f"{urls[1]}/cart")[1] == {"value": [1]}


def test_a_put_beside_the_end_of_a_session_leaves_nothing(serve, path):
    server = serve("sessions:app", SESSIONS_STORE=path)
    for _ in range(60):
        url = f"/sessions/{server.request('POST', '/sessions')[1]['session']}"
        values = {f"name {number}": number for number in range(300)}
        found = []
        puts = [
            threading.Thread(target=lambda: found.append(server.request("PUT", url, values)[0]))
            for _ in range(3)
        ]
        for put in puts:
            put.start()
        assert server.request("DELETE", url)[0] == 204
        for put in puts:
            put.join()
        assert set(found) <= {204, 404}
        assert server.request("GET", url)[0] == 404
    with Brain(path) as brain:
        assert brain.namespaces() == {"default"}
    assert server.request("PUT", "/sessions/" + 36 * "0", [1])[0] == 404


# ---- a table that the workers of a Dash app share -----------------------------------------------

N_ROWS = 200_000


def call_back(server, outputs, inputs, changed):
    """What the callback gives that makes `outputs`, as the page in a browser asks for it."""
    names = [output.split(".") for output in outputs]
    described = [{"id": id, "property": name} for id, name in names]
    several = len(outputs) > 1
    status, answer, _ = server.request(
        "POST",
        "/_dash-update-component",
        {
            "output": f"..{'...'.join(outputs)}.." if several else outputs[0],
            "outputs": described if several else described[0],
            "inputs": [
                {"id": input.split(".")[0], "property": input.split(".")[1], "value": value}
                for input, value in inputs.items()
            ],
            "changedPropIds": [changed],
            "state": [],
        },
    )
    assert status == 200, (status, answer, server.log.read_text())
    return [answer["response"].get(id, {}).get(name) for id, name in names]


def load(server, month):
    """Returns the worker that did it."""
    [said] = call_back(server, ["loaded.children"], {"button.n_clicks": month}, "button.n_clicks")
    assert said.startswith(f"month {month}, by worker ")
    return int(said.split()[-1])


def delays(server, carrier):
    """Minutes late, and the worker and the file that the page names."""
    inputs = {"carrier.value": carrier, "loaded.children": None}
    said, memory = call_back(
        server, ["delays.children", "memory.children"], inputs, "carrier.value"
    )
    if memory is None:
        return said, None, None
    assert f" of {N_ROWS} flights, " in said
    worker, _, file = memory.partition(": distance and delay lie in ")
    return float(said.split()[-3]), int(worker.removeprefix("worker ")), file


@contextlib.contextmanager
def standing_still(pid):
    """So that another worker has to answer."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("arguments", [[], ["--preload"]], ids=["each its own", "preload"])
def test_the_callbacks_of_all_workers_share_one_table(serve, path, arguments):
    server = serve("flights_app:server", *arguments, APP_STORE=path, APP_ROWS=str(N_ROWS))
    assert server.request("GET", "/_dash-layout")[0] == 200
    assert delays(server, "UA") == ("There is no table yet.", None, None)
    until(lambda: len(server.workers()) == N_WORKERS)
    data = os.path.realpath(f"{path}/data")
    for month in (1, 2, 3):
        putter = load(server, month)
        assert putter in server.workers()
        with standing_still(putter):
            late, reader, file = delays(server, "UA")
        assert reader != putter
        assert abs(late - 10 * month) < 0.5
        assert file == data  # not copied: it lies in the store
    with Brain(path, create=False) as brain:
        assert not brain["flights"]["delay"].to_numpy().flags.owndata
        assert brain["flights"]["distance"].dtype == np.dtype("int64")


# ---- the demonstration ----------------------------------------------------------------------------


@pytest.mark.parametrize("has_pyarrow", [True, False])
def test_the_demonstration_says_of_text_what_is_true(path, brain, monkeypatch, has_pyarrow):
    """Text that is shared is not said to take time and memory, and is counted with what lies in the store."""
    pd = pytest.importorskip("pandas")
    if has_pyarrow:
        pytest.importorskip("pyarrow")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import demo
    import demo_tools

    kind = "string[pyarrow]" if has_pyarrow else "object"
    when = pd.date_range("2013", periods=1000, tz="UTC")
    brain["x"] = pd.DataFrame({"n": np.arange(1000), "t": pd.Series(["EV", "UA"] * 500, dtype=kind), "when": when})
    recalled = brain["x"]
    assert demo_tools.shared_columns(recalled, brain.directory) == (3 if has_pyarrow else 2)
    said = demo.about_text(brain.explain("x").copied_bytes / len(recalled))
    assert ("Nor is text" in said) is has_pyarrow and ("takes the time" in said) is not has_pyarrow
