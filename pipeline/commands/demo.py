"""The whole line on images that the project draws itself, from a fresh clone to a table and pictures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.commands import chains
from pipeline.commands.detect import detect
from pipeline.planner import plan_training
from pipeline.receipts import read_json
from pipeline.report.artefact_table import render_artefact_table
from pipeline.report.screen import format_duration, say
from pipeline.sample import draw_sample

MODEL = "ssd_mobilenet_v2_quantized_small"
NAME = "demo"
DATASET = "input/demo"
THRESHOLD = 0.4  # a short training ends with good boxes and modest scores


def demo(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the sample, train, export (which evaluates), detect; end with the tables of all artefacts."""
    began = time.monotonic()
    if not (root / DATASET).is_dir():
        say(f"sample  drawing a Supervisely project into {DATASET}")
        draw_sample(root / DATASET)
    asked: dict[str, Any] = {
        "model": MODEL,
        "name": NAME,
        "dataset": DATASET,
        **{k: v for k, v in given.items() if v is not None},
    }
    again: dict[str, Any] = {key: asked[key] for key in ("name", "backend") if key in asked}
    trained = chains.train(root, asked)
    exported = chains.export(root, again)
    run = plan_training(root, asked).run
    detected, _ = detect(root, {**again, "threshold": THRESHOLD}, images=[f"{run.tf_csv}/images/test"])
    metrics = read_json(str(root / run.evaluation / "metrics.json"))
    say("")
    say(render_artefact_table(metrics))
    say("")
    say(f"pictures: {detected['out']}/annotated; table: {run.evaluation}/metrics.json")
    say(
        f"demo done in {format_duration(time.monotonic() - began)}; "
        "next, with your own images: make train DATASET=folder NAME=my-detector"
    )
    stages = [stage for part in (trained, exported) for stage in part["stages"]]
    return {"name": run.name, "output": run.output, "stages": stages, "metrics": metrics, "detection": detected}
