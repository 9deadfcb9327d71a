"""Detect on the test images with the TFLite model."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite

NAME = "evaluate_tflite"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/detect_tflite.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            "-m", "pipeline.jobs.detect_tflite", "--records-dir", "{records}", "--tflite-dir", "{tflite}",
            "--detections-dir", "{detections}",
        ),
        inputs={
            "records": Place(run.records, ("test.record-*", "label_map.pbtxt")),
            "tflite": Place(run.tflite),
        },
        outputs={"detections": Place(f"{run.evaluation}/tflite")},
        hints={
            "records": run.how_to("train"),
            "tflite": run.how_to("export"),
        },
        skip=tflite.refusal(plan),
    )  # fmt: skip
