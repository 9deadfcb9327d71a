"""Images a second of the dataset and records stages, against the way of the tutorials, on the same images.

    python benchmarks/records.py [--images 2000] [--rounds 3]

Ours: a Supervisely project of 2,000 real JPEGs (those of the shared data, repeated; drawn ones where they are missing)
to tf_csv to shards, every image decoded once as a check. Peer: baselines/generate_tfrecord_tutorial.py in the odapi
environment, from a csv file that it gets for nothing, nothing decoded. Both run alternately as processes. Prints the
medians of whole processes, and of the records alone without the start of Python and the import of TensorFlow, with
and without the check that every image decodes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ODPIPE_SHARED_DATA") or ROOT.parent / "shared" / "data")
ODAPI = os.environ.get("ODPIPE_ODAPI_PYTHON") or str(ROOT / ".envs" / "odapi" / "bin" / "python")
RECORDS = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from pipeline.jobs.records import write_folder
from pipeline.records import images
if sys.argv[4] == "unchecked":
    images.check_decodes = lambda image: None
began = time.time()
write_folder(Path(sys.argv[2]), Path(sys.argv[3]))
print(f"{time.time() - began:.4f}")
"""


def main() -> None:
    """Make the project, run both ways in turns, print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    if not Path(ODAPI).exists():
        raise SystemExit(f"error: no odapi environment at {ODAPI}\nhint: make setup, or set ODPIPE_ODAPI_PYTHON")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = make_project(folder / "project", flags.images)
        parts = ("dataset", "records", "records, checked", "records, unchecked", "peer", "peer's loop")
        figures: dict[str, list[float]] = {part: [] for part in parts}
        used: dict[str, list[float]] = {"dataset": [], "records": [], "peer": []}

        def measure(what: str, function: Callable[[], object]) -> None:
            seconds, processor = timed(function)
            figures[what].append(seconds)
            used[what].append(processor)

        for number in range(flags.rounds):
            ours = folder / f"ours{number}"
            tf_csv, records = ours / "tf_csv", ours / "records"
            job = ["-m", "pipeline.jobs.dataset", "--dataset", folder / "project", "--tf-csv-dir", tf_csv]
            measure("dataset", lambda job=job: run(sys.executable, *job))  # type: ignore[misc]
            job = ["-m", "pipeline.jobs.records", "--tf-csv-dir", tf_csv, "--records-dir", records]
            measure("records", lambda job=job: run(sys.executable, *job))  # type: ignore[misc]
            for how in ("checked", "unchecked"):
                alone = run(sys.executable, "-c", RECORDS, ROOT, tf_csv, ours / how, how)
                figures[f"records, {how}"].append(float(alone.split()[-1]))
            inner: list[float] = []
            measure("peer", lambda tf_csv=tf_csv, inner=inner: inner.extend(run_peer(tf_csv)))  # type: ignore[misc]
            figures["peer's loop"].append(sum(inner))
    medians = {what: statistics.median(seconds) for what, seconds in figures.items()}
    whole = medians["dataset"] + medians["records"]
    work = {what: statistics.median(seconds) for what, seconds in used.items()}
    print(f"{flags.images} JPEGs of {size // flags.images // 1000} KB, {os.cpu_count()} cores, {flags.rounds} rounds")
    for what, seconds in [*medians.items(), ("dataset + records", whole)]:
        print(f"{what:<18} {seconds:7.2f} s  {flags.images / seconds:8.0f} images/s")
    print(f"ratio, whole processes: peer / (dataset + records) = {medians['peer'] / whole:.2f}")
    print("processor seconds: " + ", ".join(f"{what} {seconds:.2f}" for what, seconds in work.items()))
    print(f"ratio, processor seconds: {work['peer'] / (work['dataset'] + work['records']):.2f}")
    for how in ("checked", "unchecked"):
        ratio = medians["peer's loop"] / medians[f"records, {how}"]
        print(f"ratio, without start-up: peer's loop / records, {how} = {ratio:.2f}")


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
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def run_peer(tf_csv: Path) -> list[float]:
    """Run the peer once on all images, in a process of its own; return the seconds of its loop."""
    script = ROOT / "benchmarks" / "baselines" / "generate_tfrecord_tutorial.py"
    csv_path = tf_csv / "all.csv"
    lines = [(tf_csv / f"{part}.csv").read_text(encoding="utf-8").splitlines() for part in ("train", "test")]
    csv_path.write_text("\n".join(lines[0] + lines[1][1:]) + "\n", encoding="utf-8")
    together = tf_csv / "images" / "all"
    if not together.exists():
        together.mkdir()
        for part in ("train", "test"):
            for path in (tf_csv / "images" / part).iterdir():
                os.link(path, together / path.name)
    output = tf_csv / "peer.record"
    printed = run(ODAPI, script, csv_path, together, tf_csv / "label_map.pbtxt", output)
    return [float(printed.split()[-1])]


def make_project(root: Path, count: int) -> int:
    """Make a Supervisely project of real-size JPEGs; return their bytes in all."""
    sources = sorted(SHARED.glob("aerial_power/*/img/*.jpg")) + sorted(SHARED.glob("raccoon/images/*.jpg"))
    root.mkdir()
    (root / "meta.json").write_text(
        json.dumps({"classes": [{"title": t, "shape": "rectangle"} for t in ("cat", "dog")]})
    )
    chance = random.Random(0)
    total = 0
    for number in range(count):
        part = "val" if number % 5 == 0 else "train"
        path = root / part / "img" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if sources:
            path.write_bytes(sources[number % len(sources)].read_bytes())
        else:
            noise = Image.effect_noise((640, 480), 90).filter(ImageFilter.GaussianBlur(1)).convert("RGB")
            noise.save(path, quality=85)
        total += path.stat().st_size
        with Image.open(path) as image:
            width, height = image.size
        objects = [make_object(chance, width, height) for _ in range(chance.randint(1, 5))]
        annotation = {"size": {"width": width, "height": height}, "tags": [], "objects": objects}
        target = root / part / "ann" / f"{path.name}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(annotation))
    return total


def make_object(chance: random.Random, width: int, height: int) -> dict[str, object]:
    """Make a random rectangle of the project."""
    x, y = chance.randrange(width - 10), chance.randrange(height - 10)
    corner = [chance.randrange(x + 5, width), chance.randrange(y + 5, height)]
    points = {"exterior": [[x, y], corner], "interior": []}
    return {"classTitle": chance.choice(("cat", "dog")), "geometryType": "rectangle", "points": points}


if __name__ == "__main__":
    main()
