"""Compile detect.tflite for the Edge TPU, where Google's compiler is: opt-in, so it stands in no other chain."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import preflight

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
        skip=preflight.refusal(plan),
    )
