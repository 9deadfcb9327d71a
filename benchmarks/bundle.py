"""Images a second of a bundle's detect.py, JPEG files to boxes, against the tutorial's loop and a bare interpreter.

    python benchmarks/bundle.py --run output/cats --images photos [--rounds 5]

The run's frozen graph goes through the tutorial's loop (PIL, `session.run`, one image at a time), as the notebook has
it and with NumPy's fast way to an array, as later copies have it. Its detect.tflite goes through detect.py, and through
an interpreter of one thread that is handed pixels; last, through as many of those as there are cores. They take turns,
each in a process of its own; loading is not counted: of detect.py the time of one image is taken off that of all.
ODPIPE_ODAPI_PYTHON names the interpreter with TensorFlow 1.15 (default: .envs/odapi/bin/python).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = os.environ.get("ODPIPE_ODAPI_PYTHON", str(ROOT / ".envs/odapi/bin/python"))
BASELINES = ROOT / "benchmarks/baselines"
OURS, TUTORIAL, LATER = "detect.py", "tutorial", "tutorial, np.asarray"
BARE, ALL_CORES = "bare interpreter", "bare interpreters, one a core"


def main() -> None:
    """Alternate the programs and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="output/NAME: frozen/ and tflite/ are in it")
    parser.add_argument("--images", type=Path, required=True, help="a folder of nothing but images")
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    model, graph = flags.run / "tflite/detect.tflite", flags.run / "frozen/frozen_inference_graph.pb"
    cores = str(len(os.sched_getaffinity(0)))
    times: dict[str, list[float]] = {OURS: [], TUTORIAL: [], LATER: [], BARE: [], ALL_CORES: []}
    for number in range(1, flags.rounds + 1):
        times[OURS].append(measure_ours(flags.run, flags.images))
        times[TUTORIAL].append(measure(PYTHON, "detect_tutorial.py", graph, flags.images))
        times[LATER].append(measure(PYTHON, "detect_tutorial.py", graph, flags.images, "--asarray"))
        times[BARE].append(measure(sys.executable, "bare_interpreter.py", model, flags.images))
        times[ALL_CORES].append(
            measure(sys.executable, "bare_interpreter.py", model, flags.images, "--interpreters", cores)
        )
        print(
            f"round {number}, ms an image: " + "  ".join(f"{name} {ms[-1]:.2f}" for name, ms in times.items()),
            flush=True,
        )
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, ms in median.items():
        print(f"median: {name} {ms:.2f} ms an image, {1000 / ms:.1f} images/s")
    for peer in (TUTORIAL, LATER):
        print(f"detect.py is {median[peer] / median[OURS]:.2f} times as fast as {peer}")
    print(f"detect.py takes {median[OURS] / median[BARE]:.2f} of one bare interpreter's time")
    print(f"detect.py takes {median[OURS] / median[ALL_CORES]:.2f} of the time of a bare interpreter a core")


def measure_ours(run: Path, images: Path) -> float:
    """Run detect.py in a bundle over all images and over one; return the milliseconds of each further image."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(run / "tflite", f"{folder}/tflite")
        shutil.copy(ROOT / "container_scripts/bundle/detect.py", folder)
        paths = sorted(images.iterdir())
        command = [sys.executable, f"{folder}/detect.py"]
        seconds = []
        for argument in (paths[0], images):
            began = time.perf_counter()
            rows = run_program([*command, str(argument)]).stdout
            seconds.append(time.perf_counter() - began)
        if not rows.startswith("filename,"):
            sys.exit(f"detect.py gave no table:\n{rows}")
    return 1000 * (seconds[1] - seconds[0]) / (len(paths) - 1)


def measure(python: str, script: str, *arguments: object) -> float:
    """Run a baseline; return its milliseconds an image."""
    done = run_program([python, str(BASELINES / script), *map(str, arguments)])
    answer = json.loads(done.stdout.splitlines()[-1])
    return float(1000 * answer["seconds"] / answer["images"])


def run_program(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; leave with its output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr}")
    return done


if __name__ == "__main__":
    main()
