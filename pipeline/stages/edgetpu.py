"""Compile detect.tflite for the Edge TPU, where Google's compiler is: opt-in, so it stands in no other chain."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite

NAME = "edgetpu"
IMAGE = "edgetpu"
SCRIPT = "container_scripts/edgetpu.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(SCRIPT, "--tflite-dir", "{tflite}", "--compiled", "{compiled}", "--log", "{log}"),
        inputs={"tflite": Place(run.tflite, ("detect.tflite",))},
        outputs={
            "compiled": Place(f"{run.edgetpu}/detect_edgetpu.tflite"),
            "log": Place(f"{run.edgetpu}/detect_edgetpu.log"),
        },
        hints={"tflite": run.how_to("export")},
        skip=refusal(plan),
    )


def refusal(plan: Plan) -> str | None:
    """Say why the model is not meant for the Edge TPU; None when it is."""
    refused = tflite.refusal(plan)
    if refused is None and plan.base_config is None and "edgetpu" not in plan.preset.exports:
        return f"{plan.preset.name} is not made for the Edge TPU; make models lists those that are"
    return refused
