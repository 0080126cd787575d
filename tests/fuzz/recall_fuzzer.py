"""A fuzzer of what the Python package recalls: stored values as bytes say. Run by fuzz.py, or over files with --replay.

usage: recall_fuzzer.py --seeds FOLDER | --replay [FOLDER] | OPTIONS OF libFuzzer AND CORPORA

--seeds writes inputs of the sound values of sound_values.py, of which the corpus is (packs.py); --replay takes that
where no folder is named.

An input is: the kind (1), flags of a TREE or PICKLE (1), the number of its buffers (1) and the length of each (2 each),
or the length of the metadata of another kind (2); the buffers, or the metadata; the stream, or the data. Each is put
as it is, recalled where pickles are refused, and, where that gave a value, put and recalled once more. Wrong is a
crash, what a sanitizer finds, no end, and an exception that is no BrainError.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "python")]

N_KINDS = 13
TREE, PICKLE = 11, 10


class Target:
    def __init__(self, path):
        from brain_plasma import Brain
        from raw_values import RawStore

        self.brain = Brain(path, capacity=64_000_000, pickle=False)
        self.raw = RawStore(path)

    def __call__(self, data):
        from brain_plasma import BrainError

        self.raw.put("x", *read_input(data))
        try:
            self.brain["y"] = self.brain["x"]
        except BrainError:
            return
        except MemoryError:
            return
        self.brain["y"]


def read_input(data):
    """Kind, data and metadata of the value that it stands for."""
    from raw_values import tree

    kind, flags, n_buffers = (data[:3] + bytes(3))[:3]
    kind %= N_KINDS
    if kind not in (TREE, PICKLE):
        end = 3 + int.from_bytes(data[1:3], "little")
        return kind, data[end:], data[3:end]
    at = 3 + 2 * (n_buffers % 8)
    sizes = [int.from_bytes(data[i : i + 2], "little") for i in range(3, at, 2)]
    buffers = []
    for size in sizes:
        buffers.append(data[at : at + size])
        at += size
    return kind, tree(data[at:], buffers, flags), b""


def write_input(kind, data, meta):
    """The other way round; None for what an input cannot say."""
    from mutations import take_apart

    if kind not in (TREE, PICKLE):
        return bytes([kind]) + len(meta).to_bytes(2, "little") + meta + data
    stream, buffers, flags = take_apart(data)
    if len(buffers) > 7 or flags > 255 or any(len(buffer) > 65535 for buffer in buffers):
        return None
    sizes = b"".join(len(buffer).to_bytes(2, "little") for buffer in buffers)
    return bytes([kind, flags, len(buffers)]) + sizes + b"".join(buffers) + stream


def write_seeds(folder, path):
    import sound_values
    from brain_plasma import Brain
    from raw_values import RawStore

    folder.mkdir(parents=True, exist_ok=True)
    brain, raw = Brain(path, capacity=64_000_000, pickle=False), RawStore(path)
    for name, value in sound_values.all_values().items():
        brain["sound"] = value
        seed = write_input(*raw.whole("sound"))
        if seed is not None and len(seed) <= 4096:
            (folder / name.replace("/", "_").replace(" ", "_")).write_bytes(seed)


def replay(path, folders):
    import packs

    inputs = [(str(file), file.read_bytes()) for folder in folders for file in sorted(folder.iterdir())]
    inputs = inputs if folders else list(packs.read("recall"))
    target = Target(path)
    for name, data in inputs:
        print(name, flush=True)  # the last one is what a crash is of
        target(data)
    print(f"{len(inputs)} inputs")


def fuzz(target):
    import atheris

    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


def remove_at_end(path):
    """The store goes when this process does, whatever ends it."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(writer)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.read(reader, 1)
        shutil.rmtree(path, ignore_errors=True)
        os._exit(0)
    os.close(reader)
    return writer


def main():
    path = f"/dev/shm/brain-fuzz-{os.getpid()}"
    remove_at_end(path)
    if sys.argv[1] == "--seeds":
        write_seeds(Path(sys.argv[2]), path)
    elif sys.argv[1] == "--replay":
        replay(path, [Path(folder) for folder in sys.argv[2:]])
    else:
        fuzz(Target(path))


if __name__ == "__main__":
    main()
