#!/usr/bin/env python3
"""Checks the documents: what they show runs, and what they point to exists.

- A block of Python or C below a line `<!-- runs -->` is run, each in a process of its own, in the order
  of its document. All blocks of one document share a store: `/tmp/plasma`, and what Brain() opens,
  stand for a fresh path. A line that prints and ends in a comment must print that comment:

      print(1 + 1)  # 2                      Python: two spaces, a hash, a space
      printf("%d\\n", 1 + 1); // 2            C: two slashes

  What is dumped to the standard place is among its files.

- A relative link leads to a file.
- A path in backticks below include/, src/, python/, tests/, tools/, bench/, examples/ or docs/ is that
  of a file or a folder, `test_...` in backticks is a test, or a file of tests, and `FOLDER/test_...` is
  a program of C below tests/.
- Prose is at most 120 columns wide; tables and what is shown as code may be wider.

C blocks are built against the library of build/test (./run build).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["*.md", "*/*.md", "docs/**/*.md", "tests/**/*.md"]
N_COLUMNS = 120
PLACE = "/tmp/plasma"  # in the documents

BLOCK = re.compile(r"^<!-- runs -->\n```(python|c)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = {
    "python": re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE),
    "c": re.compile(r"^ *(?:printf|puts)\(.*; // (.*)$", re.MULTILINE),
}
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CITED_PATH = re.compile(
    r"`((?:include|src|python|tests|tools|bench|examples|docs)/[\w./-]*?)(?::\d+)?/?`"
)
CITED_TEST = re.compile(r"`(test_\w+)`")
CITED_PROGRAM = re.compile(r"`(\w+/test_\w+)`")
TEST = re.compile(r"\b(test_\w+)\b")

PRELUDE = """\
import brain_plasma.brain as _brain
_brain.DEFAULT_PATH = {place!r}
del _brain
"""


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    if done.returncode != 0:
        raise Failed(f"exit status {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def run_python(source, place, folder):
    environment = {**os.environ, "BRAIN_PLASMA_DUMPS": str(folder / "dumps")}
    command = [sys.executable, "-c", PRELUDE.format(place=place) + source]
    return run(command, cwd=folder, env=environment)


def run_c(source, place, folder):
    library = ROOT / "build/test/src/libbrain.a"
    if not library.exists():
        raise Failed("build/test has no library: ./run build")
    program, text = folder / "program", folder / "program.c"
    text.write_text(source)
    compiler = os.environ.get("CC", "cc").split()
    run([*compiler, "-Wall", "-Werror", f"-I{ROOT}/include", text, library, "-pthread", "-o", program])
    return run([program], cwd=folder)


RUNNERS = {"python": run_python, "c": run_c}


def remove_store(place):
    code = (
        "import sys; from brain_plasma import Brain\n"
        "try: Brain(sys.argv[1], create=False).destroy()\n"
        "except FileNotFoundError: pass"
    )
    run([sys.executable, "-c", code, place])


def run_blocks(document, text, problems):
    """How many blocks of a document were run."""
    n = 0
    # Short, and where a store may lie itself: the link below /tmp is another test's business.
    with tempfile.TemporaryDirectory(prefix="brain-docs-", dir="/dev/shm") as folder:
        place = f"{folder}/plasma"
        for block in BLOCK.finditer(text):
            language, source = block.groups()
            line = text.count("\n", 0, block.start()) + 2
            n += 1
            try:
                said = RUNNERS[language](source.replace(PLACE, place), place, Path(folder))
                expected = EXPECTED[language].findall(source)
                if said.splitlines() != expected:
                    raise Failed(f"prints {said.splitlines()}, not {expected}")
            except (Failed, subprocess.TimeoutExpired) as error:
                problems.append(f"{document}:{line}: {error}")
        if n > 0:
            remove_store(place)
    return n


def known_tests():
    folder = ROOT / "tests"
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".c", ".sh", ".build"}]
    return {path.stem for path in files} | {
        name for path in files for name in TEST.findall(path.read_text())
    }


def check_citations(document, text, tests, problems):
    for link in LINK.findall(text):
        if "://" not in link and not link.startswith("mailto:"):
            if not ((ROOT / document).parent / link).exists():
                problems.append(f"{document}: the link to {link} leads nowhere")
    for path in CITED_PATH.findall(text):
        if not (ROOT / path).exists():
            problems.append(f"{document}: there is no {path}")
    for name in CITED_TEST.findall(text):
        if name not in tests:
            problems.append(f"{document}: there is no test {name}")
    for name in CITED_PROGRAM.findall(text):
        if not (ROOT / "tests" / f"{name}.c").exists():
            problems.append(f"{document}: there is no tests/{name}.c")


def check_lines(document, text, problems):
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.startswith("|") and len(line) > N_COLUMNS:
            problems.append(f"{document}:{number}: longer than {N_COLUMNS} columns")


def main():
    problems, n_blocks = [], 0
    documents = sorted({path for pattern in DOCUMENTS for path in ROOT.glob(pattern)})
    tests = known_tests()
    for path in documents:
        document, text = path.relative_to(ROOT), path.read_text()
        check_citations(document, text, tests, problems)
        check_lines(document, text, problems)
        n_blocks += run_blocks(document, text, problems)
    for problem in problems:
        print(problem)
    print(f"check_docs: {len(documents)} documents, {n_blocks} blocks run, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
