"""From labelled JPEGs to records, against the tutorials, against the Object Detection API, and against `cp -r`.

    python benchmarks/records.py [--images 10000] [--rounds 3]

Ours: a folder as labelImg writes it -> check -> dataset (read, split by content, copied) -> records, as every training
runs them. What counts is dataset + records: the check, which decodes every image and hashes it, has no counterpart in
the peers and a line of its own (and benchmarks/check.py). It leaves headers and hashes behind, which the dataset then
need not read; so a line and ratios of their own show dataset + records where nothing is known. The peers, on the same
images:

1. the tutorials' scripts (baselines/): partition, xml_to_csv and generate_tfrecord of each part, odapi environment;
2. object_detection/dataset_tools/create_pascal_tf_record.py for train and for val of the same images as a VOC folder;
3. cp -r of the folder of images and annotations;
4. the same bytes copied and read and written once more, on every core, by a loop that does nothing else
   (bare_copy.py): what is left to gain, since tf_csv and records are both written whole.

All are whole processes and take turns. Prints medians, processor seconds, and the ratios of medians. Nothing is
removed before the end, 8 GB a round: for minutes after a removal ext4 searches long for each new file's inode.
ODPIPE_ODAPI_PYTHON names the interpreter of the odapi environment (default: .envs/odapi/bin/python).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from photos import ROOT, make_dataset

ODAPI = os.environ.get("ODPIPE_ODAPI_PYTHON") or str(ROOT / ".envs" / "odapi" / "bin" / "python")
BENCHMARKS = ROOT / "benchmarks"
BASELINES = BENCHMARKS / "baselines"
PASCAL = "object_detection.dataset_tools.create_pascal_tf_record"
WANTED = (("tutorial", "at least 3"), ("create_pascal_tf_record", "at least 5"))
OURS = {
    "dataset + records": ("dataset", "records"),
    "the same, nothing known": ("dataset, nothing known", "records"),
}


def main() -> None:
    """Make the images, let all ways take turns, print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    if not Path(ODAPI).exists():
        raise SystemExit(f"error: no odapi environment at {ODAPI}\nhint: make setup, or set ODPIPE_ODAPI_PYTHON")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        size = make_dataset(root, flags.images)
        ways: dict[str, Callable[[Path], None]] = {
            "check": lambda out: run_check(root, out),
            "dataset": lambda out: run_dataset(root, out / "tf_csv", *what_check_left(out)),
            "dataset, nothing known": lambda out: run_dataset(root, out / "tf_csv_unknown"),
            "records": lambda out: run_records(out),
            "tutorial": lambda out: run_tutorial(root, out),
            "create_pascal_tf_record": lambda out: run_pascal(root, out),
            "cp -r": lambda out: run("cp", "-r", root / "labelimg", out / "copy"),
            "bare copy": lambda out: run(sys.executable, BENCHMARKS / "bare_copy.py", root / "labelimg", out / "bare"),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        used: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(flags.rounds):
            out = root / f"round{number}"
            out.mkdir()
            for way, function in ways.items():
                os.sync()  # what one way has written must not be the next one's waiting time
                elapsed, processor = timed(lambda function=function, out=out: function(out))  # type: ignore[misc]
                seconds[way].append(elapsed)
                used[way].append(processor)
    print(f"{flags.images} JPEGs of {size // flags.images // 1000} KB, {os.cpu_count()} cores, {flags.rounds} rounds")
    show(flags.images, seconds, used)


def show(images: int, seconds: dict[str, list[float]], used: dict[str, list[float]]) -> None:
    """Print the medians of all ways, and what they are of ours."""
    for name, parts in OURS.items():
        seconds[name], used[name] = (
            [sum(values) for values in zip(*(figures[part] for part in parts), strict=True)]
            for figures in (seconds, used)
        )
    median, work = ({way: statistics.median(values) for way, values in figures.items()} for figures in (seconds, used))
    for way, value in median.items():
        print(f"{way:<24} {value:7.2f} s  {work[way]:7.2f} s of processors  {images / value:8.0f} images/s")
    for ours in OURS:
        for way, wanted in WANTED:
            ratio, work_ratio = (figures[way] / figures[ours] for figures in (median, work))
            print(f"ratio: {way} / {ours} = {ratio:.2f} (wanted: {wanted}); of processor seconds {work_ratio:.2f}")
        for way, wanted in (("cp -r", "wanted: at most 5"), ("bare copy", "1 would be as fast as any tool can be")):
            ratio, work_ratio = (figures[ours] / figures[way] for figures in (median, work))
            print(f"ratio: {ours} / {way} = {ratio:.2f} ({wanted}); of processor seconds {work_ratio:.2f}")
    fastest = median["create_pascal_tf_record"] / median["bare copy"]
    print(f"the bare copy itself is {fastest:.2f} times as fast as create_pascal_tf_record")


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Measure a call: seconds on the clock, and processor seconds of the processes it ran."""
    began, used = time.perf_counter(), processor_seconds()
    function()
    return time.perf_counter() - began, processor_seconds() - used


def processor_seconds() -> float:
    """Return the processor seconds of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(*command: object) -> str:
    """Run a process in the project and return its output; stop where it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words: Sequence[str] = list(map(str, command))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def run_check(root: Path, out: Path) -> None:
    """Check the labelImg folder; every image is decoded and hashed."""
    flags = ("--check-file", out / "check.json", "--cache", out / "cache.json", "--page", out / "dataset.html")
    run(sys.executable, "-m", "pipeline.jobs.check", "--dataset", root / "labelimg", *flags)


def what_check_left(out: Path) -> tuple[object, ...]:
    """Return the flags with which every training lets the dataset stage follow the check."""
    return ("--check-file", out / "check.json", "--cache", out / "cache.json")


def run_dataset(root: Path, tf_csv: Path, *flags: object) -> None:
    """Read the labelImg folder, split it by content, and write it as tf_csv."""
    run(sys.executable, "-m", "pipeline.jobs.dataset", "--dataset", root / "labelimg", "--tf-csv-dir", tf_csv, *flags)


def run_records(out: Path) -> None:
    """Pack the tf_csv of this round."""
    flags = ("--tf-csv-dir", out / "tf_csv", "--records-dir", out / "records", "--checked")
    run(sys.executable, "-m", "pipeline.jobs.records", *flags)


def run_tutorial(root: Path, out: Path) -> None:
    """Run the four steps that tutorials tell, as people run them."""
    parted = out / "parted"
    run(ODAPI, BASELINES / "partition_tutorial.py", root / "labelimg", parted)
    for part in ("train", "test"):
        csv_path = out / f"{part}_labels.csv"
        run(ODAPI, BASELINES / "xml_to_csv_tutorial.py", parted / part, csv_path)
        script = BASELINES / "generate_tfrecord_tutorial.py"
        run(ODAPI, script, csv_path, parted / part, root / "label_map.pbtxt", out / f"{part}.tutorial.record")


def run_pascal(root: Path, out: Path) -> None:
    """Run the OD API's own converter, once a part."""
    for part in ("train", "val"):
        flags = ["--year=VOC2012", f"--set={part}", f"--data_dir={root / 'devkit'}"]
        flags += [f"--label_map_path={root / 'label_map.pbtxt'}", f"--output_path={out / part}.pascal.record"]
        run(ODAPI, "-m", PASCAL, *flags)


if __name__ == "__main__":
    main()
