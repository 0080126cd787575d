"""The corpora as the repository has them, tests/fuzz/corpus/NAME.hex: many small inputs in one file of text.

usage: packs.py unpack NAME FOLDER | packs.py pack NAME FOLDER

A line is an input in hexadecimal digits, and a name where it has one of its own; else its file is called as libFuzzer
would, by the SHA-1 of its bytes. Lines that begin with # say something about it. The shortest come first, so one input
more is one line more.
"""

import hashlib
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"


def path(name):
    return FOLDER / f"{name}.hex"


def read(name):
    """Its inputs, as pairs of a name and bytes."""
    for line in path(name).read_text().splitlines():
        if line.startswith("#"):
            continue
        digits, _, own_name = line.partition(" ")
        data = bytes.fromhex(digits)
        yield own_name or hashlib.sha1(data).hexdigest(), data


def unpack(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in read(name):
        (folder / file).write_bytes(data)


def pack(name, folder):
    """All of a folder in place of what there was; what is said about it stays. Returns how many, and their bytes."""
    inputs = [(file.name, file.read_bytes()) for file in sorted(folder.iterdir())]
    inputs.sort(key=lambda pair: (len(pair[1]), pair[1]))
    lines = [line for line in path(name).read_text().splitlines() if line.startswith("#")] if path(name).exists() else []
    for file, data in inputs:
        is_hash = re.fullmatch("[0-9a-f]{40}", file) is not None
        lines.append(data.hex() if is_hash else f"{data.hex()} {file}")
    path(name).write_text("\n".join(lines) + "\n")
    return len(inputs), sum(len(data) for _, data in inputs)


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    (pack if sys.argv[1] == "pack" else unpack)(sys.argv[2], Path(sys.argv[3]))


if __name__ == "__main__":
    main()
