"""Convert the SavedModel to a TensorFlow.js graph model for the browser."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "tfjs"
IMAGE = "tfjs"
SCRIPT = "container_scripts/tfjs.py"


def job(plan: Plan) -> Job:
    return Job(
        command=(SCRIPT, "--frozen-dir", "{frozen}", "--tfjs-dir", "{tfjs}"),
        inputs={"frozen": Place(plan.run.frozen, ("saved_model/*", "model.json"))},
        outputs={"tfjs": Place(plan.run.tfjs)},
        hints={"frozen": plan.run.how_to("freeze")},
    )
