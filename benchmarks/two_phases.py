"""Quantization-aware training in two phases against one: time, and mAP of the checkpoint and of its uint8 TFLite.

    python benchmarks/two_phases.py [--model ssd_mobilenet_v2_quantized_small] [--steps 800] [--dataset PATH] [--seed 0]

Two copies of this project train the same model on the same data from the same seed, one after the other; in one of
them, train.py is benchmarks/baselines/one_phase.py. Each is then exported and evaluated by the same verbs, the last
checkpoint of each. Without --dataset, on images drawn here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline.sample import draw_sample

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.project import copy_project  # noqa: E402

SHOWN = ("checkpoint", "tflite")


def main() -> None:
    """Train in both ways, evaluate, print one line each and the ratio of the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ssd_mobilenet_v2_quantized_small")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--dataset", type=Path, help="a folder of labelled images")
    parser.add_argument("--images", type=int, default=200, help="to draw when there is no --dataset")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        dataset = flags.dataset.resolve() if flags.dataset else Path(name) / "drawn"
        if not flags.dataset:
            draw_sample(dataset, images=flags.images)
        seconds, processor = {}, {}
        for way in ("two phases", "one phase"):
            root = copy_project(Path(name) / way.replace(" ", "_"), environments=True)
            if way == "one phase":
                scripts = root / "container_scripts"
                (scripts / "train.py").rename(scripts / "train_two_phases.py")
                (scripts / "train.py").write_text((ROOT / "benchmarks/baselines/one_phase.py").read_text())
            words = ["--model", flags.model, "--steps", str(flags.steps), "--seed", str(flags.seed)]
            words += ["--dataset", str(dataset), *(["--batch", str(flags.batch)] if flags.batch else [])]
            # The same number of evaluations in both: the one at the end
            before = children_seconds()
            odpipe(root, "train", *words, "--eval-every", str(flags.steps))
            processor[way] = children_seconds() - before
            # Figures are asked for here, no verdict: with few test images, a box is a point of mAP
            odpipe(root, "evaluate", "--model", flags.model, "--checkpoint", "last", "--tolerance", "100")
            run = root / "output" / flags.model
            seconds[way] = json.loads((run / ".receipts/train.json").read_text())["seconds"]
            show(way, seconds[way], processor[way], run)
    share, of_work = (figures["two phases"] / figures["one phase"] for figures in (seconds, processor))
    print(f"two phases took {share:.2f} of the time of one, {of_work:.2f} of its processor time")


def children_seconds() -> float:
    """Return the processor seconds of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(way: str, seconds: float, processor: float, run: Path) -> None:
    """Print the time of a training, how it was spent, and the mAP of its artefacts."""
    metrics: list[dict[str, Any]] = json.loads((run / "evaluation/metrics.json").read_text())
    scores = {entry["artefact"]: f"{entry['map']:.3f} (@.5 {entry['map50']:.3f})" for entry in metrics}
    spent = [line for line in (run / "logs/train.log").read_text().splitlines() if line.startswith("time: ")]
    print(
        f"{way}: {seconds:.0f} s, {processor:.0f} of processors; mAP "
        + ", ".join(f"{name} {scores.get(name, 'none')}" for name in SHOWN)
    )
    print(f"  {spent[-1] if spent else ''}", flush=True)


def odpipe(root: Path, *words: str) -> None:
    """Run a verb of a copy of the project on the local environments."""
    command = [sys.executable, "-m", "pipeline", *words, "--backend", "local"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
