"""Read what an enemy made in a process of its own, whose memory is bounded and measured.

    python -m tests.hostile.bounded DATASET OUTPUT [--keep-going] [--format NAME]

It prints {"error", "hint", "findings", "longest_message", "peak_mb"}; the last is what reading took beyond starting up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.archives.unpack import opened_dataset
from pipeline.datasets.formats.registry import AUTO, read_dataset
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.errors import PipelineError

ALLOWED_BYTES = 10**9
SHOWN = 10_000
Tree = dict[str, tuple[int, bytes | str | None]]


def main() -> None:
    """Read a dataset and write it as tf_csv, within a gigabyte more than it took to start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--format", default=AUTO)
    flags = parser.parse_args()
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ALLOWED_BYTES,) * 2)
    # Not ru_maxrss, which a process inherits from the one that started it
    Path("/proc/self/clear_refs").write_text("5")
    before = read_status("VmRSS")
    problems = Problems(keep_going=flags.keep_going)
    error = hint = None
    try:
        with opened_dataset(flags.dataset, beside=flags.output / "check.json") as root:
            dataset = read_dataset(root, format_name=flags.format, problems=problems)
            write_tf_csv(flags.output / "tf_csv", Split(dataset.images, (), ""), dataset.labels)
    except PipelineError as raised:
        error, hint = str(raised), raised.hint
    peak = read_status("VmHWM") - before
    messages = [finding.message for findings in problems.findings.values() for finding in findings] + [error or ""]
    found = {
        "error": error and error[:SHOWN],
        "hint": hint and hint[:SHOWN],
        "findings": dict(problems.counts),
        "longest_message": max(map(len, messages)),
        "peak_mb": peak // 1000,
    }
    print(json.dumps(found))


def read_status(field: str) -> int:
    """Read a field of what Linux knows of this process, in KB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def read_bounded(dataset: Path, output: Path, *flags: str) -> dict[str, Any]:
    """Read a dataset in a process of its own; see that it ended as it should and wrote into `output` only."""
    around = dataset.parent
    before = snapshot(around, but=output)
    command = [sys.executable, "-m", "tests.hostile.bounded", str(dataset), str(output), *flags]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert snapshot(around, but=output) == before
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def snapshot(folder: Path, *, but: Path | None = None) -> Tree:
    """Remember every file, folder and link below a folder, with the content of small files."""
    result: Tree = {}
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent) / name
            if but is not None and (path == but or but in path.parents):
                continue
            status = path.lstat()
            content: bytes | str | None = None
            if path.is_symlink():
                content = os.readlink(path)
            elif path.is_file() and status.st_size < 10**6:
                content = path.read_bytes()
            result[str(path)] = (status.st_size if path.is_file() else 0, content)
    return result


if __name__ == "__main__":
    main()
