"""Freeze a checkpoint, the best by default, into a frozen graph, a SavedModel and the graph that TFLite starts from."""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.plan import Job, Place, Plan
from pipeline.stages.train import CHECKPOINT_FILES

NAME = "freeze"
IMAGE = "odapi"
SCRIPT = "container_scripts/freeze.py"

CHOICES = ("best", "last")  # besides a step and a path


def job(plan: Plan) -> Job:
    run, wanted = plan.run, plan.settings.checkpoint
    text = ("--pbtxt",) if plan.settings.pbtxt else ()
    inputs = {"train": Place(run.train, CHECKPOINT_FILES)}
    hints = {"train": run.how_to("train")}
    if wanted not in CHOICES and not wanted.isdigit():
        path = PurePosixPath(wanted.removesuffix(".index"))
        inputs["checkpoint"] = Place(str(path.parent), (f"{path.name}.index",))
        hints["checkpoint"] = "CHECKPOINT=best, last, a step, or the path of a checkpoint without its .index"
    return Job(
        command=(SCRIPT, "--train-dir", "{train}", "--frozen-dir", "{frozen}", "--checkpoint", wanted, *text),
        settings={"checkpoint": wanted, "pbtxt": plan.settings.pbtxt},
        inputs=inputs,
        outputs={"frozen": Place(run.frozen)},
        hints=hints,
    )
