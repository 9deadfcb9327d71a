"""Move the bytes that dataset and records move, on every core, and do nothing else: no tool that does can be faster.

    python benchmarks/bare_copy.py FOLDER OUT

Copies each JPEG of FOLDER in the kernel (the dataset's part), then reads the copies and appends them to a file a
process (the records' part).
"""

from __future__ import annotations

import multiprocessing
import os
import sys


def main() -> None:
    """Let each core do its share of both parts."""
    folder, out = sys.argv[1:]
    os.makedirs(out)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".jpg"))
    cores = len(os.sched_getaffinity(0))
    for part in (copy, append):
        shares = [(folder, out, number, names[number::cores]) for number in range(cores)]
        started = [multiprocessing.get_context("fork").Process(target=part, args=share) for share in shares]
        for process in started:
            process.start()
        for process in started:
            process.join()
            if process.exitcode:
                raise SystemExit(f"error: a process ended with {process.exitcode}")


def copy(folder: str, out: str, number: int, names: list[str]) -> None:
    """Copy files without their bytes passing through this process."""
    for name in names:
        reader = os.open(os.path.join(folder, name), os.O_RDONLY)
        writer = os.open(os.path.join(out, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        left = os.fstat(reader).st_size
        while left:
            left -= os.copy_file_range(reader, writer, left)
        os.close(reader)
        os.close(writer)


def append(folder: str, out: str, number: int, names: list[str]) -> None:
    """Append the copies to one file."""
    with open(os.path.join(out, f"{number}.all"), "wb", buffering=0) as writer:
        for name in names:
            with open(os.path.join(out, name), "rb", buffering=0) as reader:
                writer.write(reader.read())


if __name__ == "__main__":
    main()
