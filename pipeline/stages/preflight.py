"""Tell from detect.tflite what the Edge TPU makes of it; needs no compiler."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite

NAME = "preflight"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/preflight.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=("-m", "pipeline.jobs.preflight", "--tflite-dir", "{tflite}", "--preflight-file", "{preflight}"),
        inputs={"tflite": Place(run.tflite, ("detect.tflite",))},
        outputs={"preflight": Place(f"{run.edgetpu}/preflight.json")},
        hints={"tflite": run.how_to("export")},
        skip=refusal(plan),
    )


def refusal(plan: Plan) -> str | None:
    """Say why there is nothing to judge; None when there is: every detect.tflite is of 8-bit integers."""
    return tflite.refusal(plan)
