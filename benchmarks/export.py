"""An export end to end (freeze, TFLite, TensorFlow.js; no evaluation) against its tools run by hand, one after another.

    python benchmarks/export.py --run output/cats [--rounds 3]

By hand: export_inference_graph and export_tflite_ssd_graph of the Object Detection API, tflite_convert of TensorFlow
1.15, and the TensorFlow.js converter over the SavedModel, each started anew with the last checkpoint of the run, which
has to be a quantized SSD. Ours makes more of it: a float TFLite file beside the uint8 one, the browser's fast build,
and it runs each file once to see that it works. They take turns; the seconds are of the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = Path(os.environ.get("ODPIPE_ENVIRONMENTS", ROOT / ".envs"))
COPIED = ("pipeline", "container_scripts", "dockerfiles")
CHAIN = ("freeze", "tflite", "tfjs")
OURS = """
import sys
from pathlib import Path
from pipeline.backends.local import Local
from pipeline.planner import plan_trained
from pipeline.runner import run_chain
root = Path.cwd()
plan = plan_trained(root, {"name": sys.argv[1], "checkpoint": "last"})
run_chain(root, plan, sys.argv[2:], lambda: Local(root))
"""
OUTPUTS = "TFLite_Detection_PostProcess" + "".join(f",TFLite_Detection_PostProcess:{number}" for number in (1, 2, 3))


def main() -> None:
    """Alternate the two and print medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="output/NAME: train/ and frozen/model.json are in it")
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    model = json.loads((flags.run / "frozen/model.json").read_text())
    if model["architecture"] != "ssd" or not model["quantized"]:
        sys.exit(f"{flags.run} is no quantized SSD: the commands by hand are of one")
    seconds: dict[str, list[float]] = {"odpipe": [], "by hand": []}
    for number in range(1, flags.rounds + 1):
        seconds["odpipe"].append(measure_ours(flags.run.resolve()))
        steps = measure_by_hand(flags.run.resolve(), model)
        seconds["by hand"].append(sum(steps.values()))
        each = ", ".join(f"{name} {one:.1f}" for name, one in steps.items())
        print(f"round {number}: odpipe {seconds['odpipe'][-1]:.1f} s; by hand {seconds['by hand'][-1]:.1f} s ({each})")
    ours, theirs = (statistics.median(values) for values in seconds.values())
    print(f"median: odpipe {ours:.1f} s, by hand {theirs:.1f} s; odpipe takes {ours / theirs:.2f} of the time")


def measure_ours(run: Path) -> float:
    """Export a copy of the run in a copy of the project; return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        for name in COPIED:
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        (project / ".envs").symlink_to(ENVIRONMENTS)
        shutil.copytree(run / "train", project / "output" / run.name / "train")
        began = time.perf_counter()
        execute([sys.executable, "-c", OURS, run.name, *CHAIN], cwd=project)
        return time.perf_counter() - began


def measure_by_hand(run: Path, model: dict[str, object]) -> dict[str, float]:
    """Run the tools one after the other; return {tool: seconds}."""
    found = re.search(r'model_checkpoint_path: "(.*)"', (run / "train/checkpoint").read_text())
    if found is None:
        sys.exit(f"{run}/train/checkpoint names no checkpoint")
    checkpoint = ["--trained_checkpoint_prefix", str(run / "train" / Path(found[1]).name)]
    config = ["--pipeline_config_path", str(run / "train/pipeline.config")]
    odapi, toco, tfjs = (str(ENVIRONMENTS / image / "bin/python") for image in ("odapi", "toco", "tfjs"))
    with tempfile.TemporaryDirectory() as folder:
        frozen, lite = f"{folder}/frozen", f"{folder}/lite"
        api = [odapi, "-m"]
        commands = {
            "export_inference_graph": [
                *api, "object_detection.export_inference_graph", "--input_type", "image_tensor", *config, *checkpoint,
                "--output_directory", frozen,
            ],
            "export_tflite_ssd_graph": [
                *api, "object_detection.export_tflite_ssd_graph", *config, *checkpoint, "--output_directory", lite,
                "--add_postprocessing_op=true", "--use_regular_nms=true", "--max_detections=20",
            ],
            "tflite_convert": [
                str(Path(toco).with_name("tflite_convert")), f"--graph_def_file={lite}/tflite_graph.pb",
                f"--output_file={folder}/detect.tflite", "--input_arrays=normalized_input_image_tensor",
                f"--output_arrays={OUTPUTS}", f"--input_shapes=1,{model['input_height']},{model['input_width']},3",
                "--inference_type=QUANTIZED_UINT8", "--mean_values=128", "--std_dev_values=128", "--allow_custom_ops",
            ],
            "tensorflowjs_converter": [
                tfjs, str(ROOT / "benchmarks/baselines/saved_model2tfjs.py"), f"{frozen}/saved_model", f"{folder}/js",
            ],
        }  # fmt: skip
        seconds = {}
        for name, command in commands.items():
            began = time.perf_counter()
            execute(command, cwd=folder, PATH=f"{Path(toco).parent}:{os.environ['PATH']}", CUDA_VISIBLE_DEVICES="-1")
            seconds[name] = time.perf_counter() - began
        for made in ("frozen/frozen_inference_graph.pb", "detect.tflite", "js/model.json"):
            if not Path(folder, made).is_file():
                sys.exit(f"by hand, no {made} came out")
        return seconds


def execute(command: list[str], *, cwd: Path | str, **environment: str) -> None:
    """Run a program to its end; leave with its output if it fails."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
