"""Lay out the model as Frigate uses it, with what to paste into its settings."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite

NAME = "frigate"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/frigate.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            "-m", "pipeline.jobs.frigate", "--name", run.name, "--tflite-dir", "{tflite}", "--edgetpu-dir", "{edgetpu}",
            "--frigate-dir", "{frigate}",
        ),
        inputs={
            "tflite": Place(run.tflite, ("detect.tflite", "labels.txt")),
            # The compiled model is there only where it was asked for
            "edgetpu": Place(run.edgetpu, ("preflight.json", "detect_edgetpu.tflite")),
        },
        outputs={"frigate": Place(run.frigate)},
        hints={"tflite": run.how_to("export"), "edgetpu": run.how_to("export")},
        skip=refusal(plan),
    )  # fmt: skip


def refusal(plan: Plan) -> str | None:
    """Say why Frigate cannot use the model; None when it can: every detect.tflite takes pixels as uint8."""
    refused = tflite.refusal(plan)
    if refused is None and plan.base_config is not None and "keep_aspect_ratio_resizer" in plan.base_config:
        return "the model's images keep their ratio of sides (keep_aspect_ratio_resizer), and Frigate stretches them"
    return refused
