"""Images a second of container_scripts/detect_graph.py against the tutorial's loop, same graph, same images.

    python benchmarks/detect.py --graph output/cats/frozen/frozen_inference_graph.pb --images photos [--rounds 5]

The three take turns, each in a process of its own; loading TensorFlow and the graph is not counted.
ODPIPE_ODAPI_PYTHON names the interpreter with TensorFlow 1.15 (default: .envs/odapi/bin/python).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = os.environ.get("ODPIPE_ODAPI_PYTHON", str(ROOT / ".envs/odapi/bin/python"))
BASELINE = str(ROOT / "benchmarks/baselines/detect_tutorial.py")


def main() -> None:
    """Alternate the loops and print their medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--graph", "--images"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    rates: dict[str, list[float]] = {"detect_graph.py": [], "tutorial, np.asarray": [], "tutorial": []}
    for number in range(1, flags.rounds + 1):
        rates["detect_graph.py"].append(measure_ours(flags.graph, flags.images))
        rates["tutorial, np.asarray"].append(measure_tutorial(flags.graph, flags.images, "--asarray"))
        rates["tutorial"].append(measure_tutorial(flags.graph, flags.images))
        figures = "  ".join(f"{name} {values[-1]:.1f}" for name, values in rates.items())
        print(f"round {number}, images/s: {figures}", flush=True)
    ours = statistics.median(rates["detect_graph.py"])
    print(f"median: detect_graph.py {ours:.1f} images/s")
    for name in ("tutorial, np.asarray", "tutorial"):
        median = statistics.median(rates[name])
        print(f"median: {name} {median:.1f} images/s; detect_graph.py is {ours / median:.2f} times as fast")


def measure_ours(graph: str, images: str) -> float:
    """Run detect_graph.py and take its own figure."""
    with tempfile.TemporaryDirectory() as folder:
        screen = run(
            [PYTHON, str(ROOT / "container_scripts/detect_graph.py"), "--graph", graph]
            + ["--images", images, "--found", f"{folder}/found.jsonl"]
        ).stderr
    match = re.search(r"\(([\d.]+) images/s\)", screen)
    if match is None:
        sys.exit(f"detect_graph.py named no speed:\n{screen}")
    return float(match.group(1))


def measure_tutorial(graph: str, images: str, *options: str) -> float:
    """Run the tutorial's loop."""
    answer = json.loads(run([PYTHON, BASELINE, graph, images, *options]).stdout.splitlines()[-1])
    return float(answer["images"] / answer["seconds"])


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; leave with its output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr}")
    return done


if __name__ == "__main__":
    main()
