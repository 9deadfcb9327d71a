"""Seconds a step of training on 12-megapixel photos, shrunk and as they are, against a batch that is there already.

    python benchmarks/training_input.py [--model ssd_mobilenet_v2 --batch 8] [--steps 30] [--rounds 1] [--photos 40]

The photos are those of the shared data, enlarged to 4000x3000 with a sensor's noise, JPEG of quality 90 (3 to 4 MB).
Three trainings take turns, each a process: records with MAX_SIDE as the records stage chooses it for the model,
records with MAX_SIDE=0, and one batch repeated from memory. Prints seconds and processor seconds a step, and their
ratios to those of the repeated batch (wanted with the chosen MAX_SIDE: at most 1.05).
ODPIPE_ODAPI_PYTHON names the interpreter of the odapi environment (default: .envs/odapi/bin/python).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from photos import CLASSES, ROOT, read_photos
from PIL import Image as Pillow

from pipeline.config import Settings
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image
from pipeline.models import Preset, read_preset
from pipeline.plan import Plan
from pipeline.records.examples import Packing
from pipeline.records.writer import write_records
from pipeline.stages.records import max_side
from pipeline.workspace import Run

ODAPI = os.environ.get("ODPIPE_ODAPI_PYTHON") or str(ROOT / ".envs" / "odapi" / "bin" / "python")
SCRIPT = ROOT / "benchmarks" / "baselines" / "measure_steps.py"


def main() -> None:
    """Make photos and records, let the three trainings take turns, print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ssd_mobilenet_v2")
    parser.add_argument("--batch", type=int, help="default: the model's")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--photos", type=int, default=40)
    flags = parser.parse_args()
    preset = read_preset(flags.model)
    side = max_side(Plan(Settings(), preset, Run("benchmark")))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        images = make_photos(root / "photos", flags.photos)
        (root / "model.json").write_text(preset.model_dump_json())
        for limit in (side, 0):
            write_folder(root / f"records{limit}", images, limit)
        ways = {
            "constant batch": (root / f"records{side}", True),
            f"MAX_SIDE={side}": (root / f"records{side}", False),
            "MAX_SIDE=0": (root / "records0", False),
        }
        figures: dict[str, dict[str, list[float]]] = {way: {"seconds": [], "processor": []} for way in ways}
        for _ in range(flags.rounds):
            for way, (records, constant) in ways.items():
                batch = flags.batch or preset.batch
                found = measure(root, records, batch=batch, steps=flags.steps, constant=constant)
                for name, values in found.items():
                    figures[way][name] += values
        size = sum(image.path.stat().st_size for image in images) / len(images)
    show(preset, figures, f"{flags.photos} photos of 4000x3000, {size / 1e6:.1f} MB each, {flags.steps} steps")


def show(preset: Preset, figures: dict[str, dict[str, list[float]]], what: str) -> None:
    """Print medians on the clock and means of the processors, which another load does not touch, and their ratios."""
    print(f"{preset.name}, float phase, {os.cpu_count()} cores; {what}")
    medians = {way: statistics.median(found["seconds"]) for way, found in figures.items()}
    work = {way: statistics.mean(found["processor"]) for way, found in figures.items()}
    for way, median in medians.items():
        ratio, work_ratio = median / medians["constant batch"], work[way] / work["constant batch"]
        print(
            f"{way:<16} {median:.3f} s a step, {ratio:.3f} times the constant batch; "
            f"{work[way]:.3f} processor seconds, {work_ratio:.3f} times"
        )


def make_photos(folder: Path, count: int) -> list[Image]:
    """Enlarge shared photos to twelve megapixels and give them the noise of a sensor."""
    folder.mkdir()
    photos = read_photos()
    chance = np.random.default_rng(0)
    noise = chance.normal(0, 6, (3000, 4000, 1)).astype(np.int8)
    images = []
    for number in range(count):
        path = folder / f"{number:03d}.jpg"
        with Pillow.open(io.BytesIO(photos[number * 5 % len(photos)])) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((4000, 3000), Pillow.Resampling.BICUBIC)).astype(np.int16)
        shifted = np.roll(noise, int(chance.integers(0, 3000)), axis=0)
        Pillow.fromarray((pixels + shifted).clip(0, 255).astype(np.uint8)).save(path, quality=90)
        boxes = tuple(
            Box(label, 500 + 900 * place, 700, 1300 + 900 * place, 2000) for place, label in enumerate(CLASSES)
        )
        images.append(Image(path, path.name, 4000, 3000, boxes))
    return images


def write_folder(folder: Path, images: list[Image], limit: int) -> None:
    """Write train records of the photos, as the records stage does."""
    folder.mkdir()
    ids = {label: number for number, label in enumerate(CLASSES, start=1)}
    (folder / "label_map.pbtxt").write_text(format_label_map(CLASSES))
    write_records([folder / "train.record-00000-of-00001"], images, Packing(ids, max_side=limit, is_checked=True))


def measure(root: Path, records: Path, *, batch: int, steps: int, constant: bool) -> dict[str, list[float]]:
    """Run one training and return the figures of its steps."""
    command = [ODAPI, SCRIPT, "--records-dir", records, "--model", root / "model.json"]
    command += ["--batch", str(batch), "--steps", str(steps)] + (["--constant"] if constant else [])
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{SCRIPT.name} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
