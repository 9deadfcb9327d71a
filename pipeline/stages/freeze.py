"""Freeze the last checkpoint into a frozen graph, a SavedModel and the graph that TFLite starts from."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages.train import CHECKPOINT_FILES

NAME = "freeze"
IMAGE = "odapi"
SCRIPT = "container_scripts/freeze.py"


def job(plan: Plan) -> Job:
    text = ("--pbtxt",) if plan.settings.pbtxt else ()
    return Job(
        command=(SCRIPT, "--train-dir", "{train}", "--frozen-dir", "{frozen}", *text),
        settings={"pbtxt": plan.settings.pbtxt},
        inputs={"train": Place(plan.run.train, CHECKPOINT_FILES)},
        outputs={"frozen": Place(plan.run.frozen)},
        hints={"train": plan.run.how_to("train")},
    )
