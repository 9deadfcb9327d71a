"""Detect on the test images with the TensorFlow.js model, in Node."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages.records import NO_TEST_RECORDS, TEST_RECORDS

NAME = "evaluate_tfjs"
IMAGE = "tfjs"
SCRIPT = "container_scripts/detect_tfjs.mjs"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            SCRIPT, "--records-dir", "{records}", "--tfjs-dir", "{tfjs}", "--detections-dir", "{detections}",
        ),
        inputs={
            "records": Place(run.records, TEST_RECORDS),
            "tfjs": Place(run.tfjs),
        },
        outputs={"detections": Place(f"{run.evaluation}/tfjs")},
        hints={
            "records": run.how_to("train"),
            "tfjs": run.how_to("export"),
        },
        skip_without={"records": NO_TEST_RECORDS},
    )  # fmt: skip
