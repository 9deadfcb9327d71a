"""Convert the frozen detector to TensorFlow.js for the browser: whole and, of an SSD, as the fast build."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "tfjs"
IMAGE = "tfjs"
SCRIPT = "container_scripts/tfjs.py"


def job(plan: Plan) -> Job:
    weights = plan.settings.tfjs_weights
    return Job(
        command=(
            SCRIPT, "--frozen-dir", "{frozen}", "--tfjs-dir", "{tfjs}", *(("--weights", weights) if weights else ())
        ),
        settings={"weights": weights},
        inputs={"frozen": Place(plan.run.frozen, ("saved_model/*", "tflite_graph.pb", "model.json"))},
        outputs={"tfjs": Place(plan.run.tfjs)},
        code=("container_scripts/browser/detector.js", "container_scripts/browser/detector.d.ts"),
        hints={"frozen": plan.run.how_to("freeze")},
    )  # fmt: skip
