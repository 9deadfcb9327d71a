"""Our training against the Object Detection API's own, on the same config, records, batch and cores.

    python benchmarks/training.py [--parts before,after,float,whole] [--model ssd_mobilenet_v2_quantized]
        [--float-model ssd_mobilenet_v2] [--batch 8] [--steps 15] [--rounds 1] [--whole-steps 40] [--records R]

Ours and `object_detection.model_main`, each a process, take turns step by step, so that other work slows both alike.
before, after: seconds a step of the quantized model before its `delay` (wanted: at least 1.6 times as fast) and after
it (never slower); float: of the float model (never slower); whole: all of a quantized training, three quarters before
the delay, start and evaluations included (wanted: 1.4 times), the share of ours outside its steps, and from its start
to its first step (wanted: 25 s on 2 cores).
Without --records, on images drawn here. ODPIPE_ODAPI_PYTHON names the interpreter of the odapi environment.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.models import read_preset
from pipeline.sample import draw_sample

ROOT = Path(__file__).resolve().parents[1]
ODAPI = os.environ.get("ODPIPE_ODAPI_PYTHON") or str(ROOT / ".envs" / "odapi" / "bin" / "python")
BASELINES = ROOT / "benchmarks" / "baselines"
PARTS = ("before", "after", "float", "whole")
WANTED = {"before": "at least 1.6", "after": "at least 1.0", "float": "at least 1.0", "whole": "at least 1.4"}
IMAGES = 60


def main() -> None:
    """Draw or take records, let both trainings take turns in each part, print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--model", default="ssd_mobilenet_v2_quantized")
    parser.add_argument("--float-model", default="ssd_mobilenet_v2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--whole-steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--records", type=Path, help="a folder of train and test records with their label map")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = flags.records.resolve() if flags.records else draw_records(folder)
        print(f"batch {flags.batch}, {os.cpu_count()} cores, {flags.rounds} rounds", flush=True)
        for part in flags.parts.split(","):
            model = flags.float_model if part == "float" else flags.model
            (folder / "model.json").write_text(read_preset(model).model_dump_json())
            if part == "whole":
                compare_whole(folder, records, model, flags)
            else:
                compare_steps(folder, records, model, part, flags)


def draw_records(folder: Path) -> Path:
    """Draw images and write their records, by the stages' own jobs."""
    draw_sample(folder / "drawn", images=IMAGES)
    for job in (
        ["dataset", "--dataset", "drawn", "--format", "auto", "--test-fraction", "0.2", "--seed", "0",
         "--tf-csv-dir", "tf_csv"],
        ["records", "--tf-csv-dir", "tf_csv", "--records-dir", "records"],
    ):  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", f"pipeline.jobs.{job[0]}", *job[1:]]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder / "records"


def compare_steps(folder: Path, records: Path, model: str, part: str, flags: argparse.Namespace) -> None:
    """Compare the seconds a step of one phase."""
    figures: dict[str, list[float]] = {"ours": [], "model_main": []}
    work: dict[str, list[float]] = {"ours": [], "model_main": []}
    for number in range(flags.rounds):
        config = folder / f"{part}{number}.config"
        ours = [BASELINES / "measure_steps.py", "--records-dir", records, "--model", folder / "model.json"]
        ours += ["--batch", flags.batch, "--steps", flags.steps, "--write-config", config]
        theirs = [BASELINES / "model_main.py", "--config", config, "--model-dir", folder / f"{part}{number}"]
        with Turns([*ours, "--quantized"] if part == "after" else ours) as first:
            if part == "after":
                config.write_text(set_delay(config.read_text(), 0))
            with Turns([*theirs, "--steps", flags.steps]) as second:
                found = dict(zip(("ours", "model_main"), take_turns(first, second), strict=True))
        for name, answer in found.items():
            figures[name] += answer["seconds"]
            work[name] += answer["processor"]
    print(f"{part}: {model}, {len(figures['ours'])} steps each")
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, median in medians.items():
        processor = statistics.median(work[name])
        print(f"  {name:<11} {median:.3f} s a step, {flags.batch / median:.1f} images/s, {processor:.3f} processor s")
    show_ratio(part, medians["model_main"] / medians["ours"])
    processors = {name: statistics.median(values) for name, values in work.items()}
    print(f"  of processor seconds: {processors['model_main'] / processors['ours']:.2f} times", flush=True)


def show_ratio(part: str, ratio: float) -> None:
    """Print how many times as fast ours is."""
    print(f"  ours is {ratio:.2f} times as fast (wanted: {WANTED[part]})", flush=True)


def set_delay(text: str, steps: int) -> str:
    """Put a quantization delay into the text of a pipeline.config."""
    lines = [f"    delay: {steps}" if line.strip().startswith("delay:") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


class Turns:
    """A script in the odapi environment that does one step whenever it is told to (see baselines/turns.py)."""

    def __init__(self, words: list[Any]) -> None:
        """Start it, and wait until it is ready for its first step."""
        self.name = str(words[0])
        self.answer: dict[str, Any] | None = None
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed when the run is left)
        self._process = subprocess.Popen(
            [ODAPI, *map(str, words), "--turns"],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._wait()

    def __enter__(self) -> Turns:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def step(self) -> None:
        """Let it do a step; `answer` holds its figures after the last one."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == "turn\n":
                return
            if line.startswith('{"seconds"'):
                self.answer = json.loads(line)
        if self.answer is None:
            self._log.seek(0)
            raise SystemExit(f"{self.name} failed:\n{self._log.read()[-3000:]}")


def take_turns(*runs: Turns) -> list[dict[str, Any]]:
    """Let some runs do a step each, one after the other, to their ends; return their figures."""
    while any(run.answer is None for run in runs):
        for run in runs:
            if run.answer is None:
                run.step()
    return [run.answer for run in runs if run.answer is not None]


def measure(words: list[Any]) -> dict[str, Any]:
    """Run one script in the odapi environment; return what its last line says."""
    done = subprocess.run([ODAPI, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{words[0]} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def compare_whole(folder: Path, records: Path, model: str, flags: argparse.Namespace) -> None:
    """Compare whole trainings of as many steps, three quarters of them before the delay."""
    seconds: dict[str, list[float]] = {"ours": [], "model_main": []}
    steps = flags.whole_steps
    for turn in range(flags.rounds):
        train_dir = folder / f"train{turn}"
        options = folder / "options.json"
        options.write_text(json.dumps({"qat_delay": steps * 3 // 4}))
        ours = [ROOT / "container_scripts" / "train.py", "--records-dir", records, "--model", folder / "model.json"]
        ours += ["--batch", flags.batch, "--steps", steps, "--train-dir", train_dir, "--options", options]
        whole, first_step, said = run_ours(ours, train_dir)
        seconds["ours"].append(whole)
        theirs = [BASELINES / "model_main.py", "--config", train_dir / "pipeline.config", "--whole"]
        began = time.monotonic()
        found = measure([*theirs, "--model-dir", folder / f"theirs{turn}", "--steps", steps])
        seconds["model_main"].append(time.monotonic() - began)
        print(f"whole: {model}, {steps} steps, {steps * 3 // 4} of them before the delay")
        print(f"  ours        {whole:.1f} s, first step after {first_step:.1f} s (wanted: 25 on 2 cores); {said}")
        spent = dict(part.rsplit(" ", 2)[:2] for part in said.removeprefix("time: ").split(", "))
        print(f"  ours outside its steps: {1 - float(spent['steps']) / whole:.0%}")
        print(
            f"  model_main  {seconds['model_main'][-1]:.1f} s, first step after {found['first_step']:.1f} s,"
            f" {found['evaluations']} evaluations",
            flush=True,
        )
    show_ratio("whole", statistics.median(seconds["model_main"]) / statistics.median(seconds["ours"]))


def run_ours(words: list[Any], train_dir: Path) -> tuple[float, float, str]:
    """Run our training; return its seconds, those until its first step, and how it says they were spent."""
    began = time.monotonic()
    first_step = 0.0
    log = train_dir.with_suffix(".log")
    with log.open("w") as file, subprocess.Popen([ODAPI, *map(str, words)], stderr=file, stdout=file) as process:
        while process.poll() is None:
            lines = train_dir / "metrics.jsonl"
            if not first_step and lines.exists() and lines.stat().st_size:
                first_step = time.monotonic() - began
            time.sleep(0.05)
    if process.returncode != 0:
        raise SystemExit(f"train.py failed:\n{log.read_text()[-3000:]}")
    whole = time.monotonic() - began
    return whole, first_step, next(line for line in log.read_text().splitlines() if line.startswith("time: "))


if __name__ == "__main__":
    main()
