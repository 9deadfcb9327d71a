"""Convert the frozen SSD to TensorFlow Lite: uint8 for quantized models, float otherwise."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "tflite"
IMAGE = "toco"
SCRIPT = "container_scripts/tflite.py"


def job(plan: Plan) -> Job:
    return Job(
        command=(SCRIPT, "--frozen-dir", "{frozen}", "--tflite-dir", "{tflite}"),
        inputs={"frozen": Place(plan.run.frozen, ("tflite_graph.pb", "model.json"))},
        outputs={"tflite": Place(plan.run.tflite)},
        hints={"frozen": plan.run.how_to("freeze")},
        skip=refusal(plan),
    )


def refusal(plan: Plan) -> str | None:
    """Say why the model has no TFLite form; None when it has one."""
    if plan.base_config is not None or plan.preset.architecture == "ssd":
        return None
    return f"{plan.preset.name} is no SSD, and only SSD converts to TFLite; frozen graph, SavedModel and TF.js do work"
