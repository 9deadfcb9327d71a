"""Detect on the test images with the TFLite models: 8 bits, float, and 8 bits with fast suppression."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite
from pipeline.stages.records import NO_TEST_RECORDS, TEST_RECORDS

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
            "records": Place(run.records, TEST_RECORDS),
            "tflite": Place(run.tflite),
        },
        outputs={"detections": Place(f"{run.evaluation}/tflite")},
        hints={
            "records": run.how_to("train"),
            "tflite": run.how_to("export"),
        },
        skip=tflite.refusal(plan),
        skip_without={"records": NO_TEST_RECORDS},
    )  # fmt: skip
