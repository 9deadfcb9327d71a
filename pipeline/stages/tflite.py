"""Convert the frozen SSD to TensorFlow Lite, as 8-bit integers and as float.

A model that was trained without quantization is quantized by what its training images make of it: then they are read,
too, and the stage runs again when they change.
"""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "tflite"
IMAGE = "toco"
SCRIPT = "container_scripts/tflite.py"


def job(plan: Plan) -> Job:
    run, settings = plan.run, plan.settings
    inputs = {"frozen": Place(run.frozen, ("tflite_graph.pb", "model.json"))}
    hints = {"frozen": run.how_to("freeze")}
    if not trains_quantization(plan):
        inputs["records"] = Place(run.records, ("train.record-*",))
        hints["records"] = (
            "int8 after training measures its ranges on the training images: "
            f"make records NAME={run.name} DATASET=... writes them again"
        )
    return Job(
        # Named even where it is no input: a checkpoint from before the quantization of its run needs it all the same
        command=(
            SCRIPT, "--frozen-dir", "{frozen}", "--tflite-dir", "{tflite}", "--records-dir", run.records,
            "--nms", settings.nms, "--max-detections", str(settings.max_detections),
        ),
        settings={"nms": settings.nms, "max_detections": settings.max_detections},
        inputs=inputs,
        outputs={"tflite": Place(run.tflite)},
        hints=hints,
        skip=refusal(plan),
    )  # fmt: skip


def trains_quantization(plan: Plan) -> bool:
    """Tell whether the model's training simulates quantization, as far as its config says."""
    if plan.base_config is not None:
        return "graph_rewriter" in plan.base_config
    return plan.preset.quantized


def refusal(plan: Plan) -> str | None:
    """Say why the model has no TFLite form; None when it has one."""
    if plan.base_config is not None or plan.preset.architecture == "ssd":
        return None
    return f"{plan.preset.name} is no SSD, and only SSD converts to TFLite; frozen graph, SavedModel and TF.js do work"
