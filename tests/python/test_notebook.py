"""What notebooks show of a Brain, and `%brain`; in a kernel of Jupyter, over its protocol."""

import html.parser
import os
import queue
import shutil
import sys
import tempfile
import time

import numpy as np
import pytest
from brain_plasma import Brain, notebook
from brain_plasma.mock import MockPlasmaClient

pytest.importorskip("IPython")
jupyter_client = pytest.importorskip("jupyter_client")

FILE = """#!/bin/sh
echo "out: $*"
echo err >&2
exit ${STATUS:-0}
"""


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: tags in order, and text."""

    VOID = ()

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.rows, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert {name for name, _ in attributes} <= {"style"}
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


# ---- as a page ------------------------------------------------------------------------------------


def test_a_brain_as_a_page(brain, path):
    brain["numbers"] = np.zeros((1000, 3))
    brain["one"] = 5
    brain["text"] = "abc"
    brain.set_namespace("others")
    brain.set_namespace("default")
    page = Page(brain._repr_html_())
    assert path in page.text and "namespace default" in page.text
    assert "24 kB of 64 MB used" in page.text
    assert [row[:3] for row in page.rows] == [
        ["name", "kind", "size"],
        ["numbers", "array <f8 (1000, 3)", "24 kB"],
        ["one", "int", "8 bytes"],
        ["text", "str", "3 bytes"],
    ]
    assert set(page.tags) <= {"div", "b", "code", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "&lt;b&gt;", "\"' onload='x", "</td></table>", "a\u202eb\x1b[31m\n\0"]
)
def test_names_are_text(brain, name):
    brain[name] = 5
    brain.learn("x", 5, name)
    with_names = brain._repr_html_()
    page = Page(with_names)
    assert "script" not in page.tags
    assert len(page.rows) == 3
    assert "\u202e" not in with_names and "\x1b" not in with_names and "\0" not in with_names
    if name.isprintable():
        assert name in [row[0] for row in page.rows]


def test_namespaces_and_paths_are_text(new_path):
    path = new_path() + "<i>&"
    with Brain(path=path, namespace="<b>bold</b>") as brain:
        page = Page(brain._repr_html_())
        assert "i" not in page.tags and page.tags.count("b") == 1
        assert path in page.text and "<b>bold</b>" in page.text
        brain.destroy()


def test_many_names_are_bounded(brain):
    brain.set_many({f"{'long ' * 1000}{i}": i for i in range(3000)})
    brain["large"] = bytes(1000)
    text = brain._repr_html_()
    page = Page(text)
    assert len(page.rows) == 51
    assert "and 2,951 names more" in page.text
    assert len(text) < 50_000


def test_looking_is_no_use(brain):
    """No hit is counted, and nothing is pinned."""
    brain["x"] = np.zeros(1000)
    before = {name: value for name, *_, value in brain._metrics()}
    brain._repr_html_()
    brain._ipython_key_completions_()
    after = {name: value for name, *_, value in brain._metrics()}
    assert after == before


def test_a_closed_store(brain, path):
    brain.sleep()
    assert Page(brain._repr_html_()).text == f"Brain {path}, asleep"
    brain.close()
    assert Page(brain._repr_html_()).text == f"Brain {path}, closed"


def test_a_destroyed_store(brain, path):
    Brain(path).destroy()
    assert "BrainDestroyedError" in Page(brain._repr_html_()).text


def test_a_value_in_a_file(new_path, tmp_path):
    brain = Brain(new_path(), capacity=10_000_000, when_full="spill", spill_to=tmp_path)
    brain["x"] = np.zeros(1_000_000)
    brain.spill(1_000_000)
    assert Page(brain._repr_html_()).rows[1][:3] == ["x", "kind 13", "in a file"]
    brain.destroy()


def test_a_brain_over_a_client():
    brain = Brain(ClientClass=MockPlasmaClient)
    brain["<x>"] = 5
    assert "<x>" in Page(brain._repr_html_()).text
    assert brain._ipython_key_completions_() == ["<x>"]


def test_completions_are_bounded(brain):
    assert brain._ipython_key_completions_() == []
    brain.set_many({"b": 1, "a": 2})
    assert brain._ipython_key_completions_() == ["a", "b"]
    brain.set_many({f"x{i}": i for i in range(5000)})
    assert len(brain._ipython_key_completions_()) == 1000


# ---- %brain ---------------------------------------------------------------------------------------


def test_get_gives_the_values(brain, path):
    brain["x"] = np.arange(5)
    brain["two words"] = 5
    brain.learn("x", 7, namespace="others")
    assert notebook.magic(f"-s {path} get x").tolist() == [0, 1, 2, 3, 4]
    assert notebook.magic(f"-n others -s {path} get x") == 7
    values = notebook.magic(f"-s {path} get 'two words' x")
    assert values[0] == 5 and values[1].sum() == 10
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match="^%brain get: .*none"):
        notebook.magic(f"-s {path} get none")
    with pytest.raises(UsageError, match="^%brain get: .*nowhere"):
        notebook.magic(f"-s {path}-nowhere get none")
    with pytest.raises(UsageError, match="^%brain get: .*(none|lost)"):
        notebook.magic(f"-s {path} -n lost get none")


def test_get_by_the_environment(brain, path, monkeypatch):
    monkeypatch.setenv("BRAIN_PATH", path)
    brain["x"] = 5
    assert notebook.magic("get x") == 5


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A command `brain` that says how it was called."""
    program = tmp_path / "brain"
    program.write_text(FILE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None if path else real(name))


def test_all_else_is_the_commands(fake, capsys):
    assert notebook.magic("-s /x ls -l 'two words'") is None
    assert capsys.readouterr().out == "out: -s /x ls -l two words\nerr\n"
    notebook.magic("get --raw x")
    assert capsys.readouterr().out.startswith("out: get --raw x\n")
    notebook.magic("")
    assert capsys.readouterr().out.startswith("out: --help\n")


def test_the_command_itself(brain, path, capsys):
    if shutil.which("brain", path=os.path.dirname(sys.executable)) is None:
        pytest.skip("the command is not installed beside this Python")
    brain["some name"] = 5
    notebook.magic(f"-s {path} ls")
    assert "some name" in capsys.readouterr().out


def test_how_it_ended(fake, monkeypatch, capsys):
    from IPython.core.error import UsageError

    monkeypatch.setenv("STATUS", "1")
    notebook.magic("doctor")
    monkeypatch.setenv("STATUS", "3")
    with pytest.raises(UsageError, match="ended with 3"):
        notebook.magic("ls")


def test_without_the_command(monkeypatch):
    from IPython.core.error import UsageError

    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(UsageError, match="nor in PATH"):
        notebook.magic("ls")


# ---- in a kernel ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernel():
    """A kernel of Jupyter, without a port: over sockets of the file system."""
    folder = tempfile.mkdtemp(prefix="bk", dir="/tmp")  # short: it is part of addresses of sockets
    kept = {name: os.environ.get(name) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")}
    os.environ.update(dict.fromkeys(kept, folder))
    manager = jupyter_client.KernelManager(transport="ipc", ip=f"{folder}/k", kernel_name="python3")
    manager.start_kernel(extra_arguments=["--IPKernelApp.parent_handle=0"])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run(kernel, code):
    """Output of a cell: stream texts, results, and its error if it has one."""
    found = {"text": "", "data": {}, "error": None}

    def hook(message):
        content = message["content"]
        if message["msg_type"] == "stream":
            found["text"] += content["text"]
        elif message["msg_type"] in ("execute_result", "display_data"):
            found["data"] = content["data"]
        elif message["msg_type"] == "error":
            found["error"] = content["ename"]

    kernel.execute_interactive(code, timeout=120, output_hook=hook, allow_stdin=False)
    return found


def reply(kernel, message_id):
    """The reply on the shell channel."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            message = kernel.get_shell_msg(timeout=5)
        except queue.Empty:
            continue
        if message["parent_header"].get("msg_id") == message_id:
            return message["content"]
    raise TimeoutError(message_id)


def test_a_kernel_shows_a_brain(kernel, brain, path):
    brain["<numbers>"] = np.zeros(10)
    shown = run(kernel, f"from brain_plasma import Brain\nbrain = Brain({path!r})\nbrain")
    assert shown["error"] is None, shown
    assert [row[0] for row in Page(shown["data"]["text/html"]).rows] == ["name", "<numbers>"]
    assert shown["data"]["text/plain"] == f"<Brain {path!r}, namespace 'default'>"
    assert run(kernel, "brain.close()\nbrain")["data"]["text/html"].endswith(", closed</div>")


def test_a_kernel_completes_names(kernel, brain, path):
    brain.set_many({"flights": 1, "flocks": 2, "models": 3})
    assert run(kernel, f"from brain_plasma import Brain\nbrain = Brain({path!r})")["error"] is None
    code = "brain['fl"
    found = reply(kernel, kernel.complete(code, len(code)))
    assert found["status"] == "ok"
    completed = {code[: found["cursor_start"]] + match + code[found["cursor_end"] :] for match in found["matches"]}
    assert {"brain['flights", "brain['flocks"} <= {text.rstrip("'") for text in completed}
    assert not any("models" in text for text in completed)
    run(kernel, "brain.close()")


def test_a_kernel_has_the_magic(kernel, brain, path):
    brain["x"] = [1, 2, 3]
    assert run(kernel, "%load_ext brain_plasma")["error"] is None
    shown = run(kernel, f"y = %brain -s {path} get x\ny")
    assert shown["data"]["text/plain"] == "[1, 2, 3]"
    assert run(kernel, f"name = 'x'\n%brain -s {path} get {{name}}")["data"]["text/plain"] == "[1, 2, 3]"
    said = run(kernel, f"%brain -s {path} get none")  # a line, as other magics say what is wrong, and no traceback
    assert said["error"] is None and said["text"].startswith("UsageError: %brain get: ")
    assert said["text"].count("\n") <= 2


def test_a_kernel_runs_the_command(kernel, tmp_path):
    program = tmp_path / "brain"
    program.write_text(FILE)
    program.chmod(0o755)
    run(kernel, "%load_ext brain_plasma")
    run(kernel, f"import os, shutil\nos.environ['PATH'] = {str(tmp_path)!r} + ':' + os.environ['PATH']\n"
                "which = shutil.which\nshutil.which = lambda name, path=None: None if path else which(name)")
    assert run(kernel, "%brain ls -l")["text"] == "out: ls -l\nerr\n"
    run(kernel, "shutil.which = which")


def test_a_kernel_logs_into_the_cell(kernel, path):
    shown = run(
        kernel,
        "import logging, sys\nfrom brain_plasma import Brain\n"
        f"brain = Brain({path!r})\n"
        "logger = logging.getLogger('brain_plasma')\nhandler = logging.StreamHandler(sys.stdout)\n"
        "logger.addHandler(handler)\nlogger.setLevel('DEBUG')\nbrain['x'] = 1\nbrain.destroy()\n"
        "logger.removeHandler(handler)\nlogger.setLevel('NOTSET')",
    )
    assert "learned 'x'" in shown["text"] and "destroyed the store" in shown["text"]
