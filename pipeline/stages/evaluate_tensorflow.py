"""Detect on the test images with the checkpoint, the frozen graph and the SavedModel."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages.records import NO_TEST_RECORDS, TEST_RECORDS
from pipeline.stages.train import CHECKPOINT_FILES

NAME = "evaluate_tensorflow"
IMAGE = "odapi"
SCRIPT = "container_scripts/detect_tensorflow.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            SCRIPT, "--records-dir", "{records}", "--train-dir", "{train}", "--frozen-dir", "{frozen}",
            "--detections-dir", "{detections}",
        ),
        inputs={
            "records": Place(run.records, TEST_RECORDS),
            "train": Place(run.train, CHECKPOINT_FILES),
            "frozen": Place(run.frozen),
        },
        outputs={"detections": Place(f"{run.evaluation}/tensorflow")},
        hints={
            "records": run.how_to("train"),
            "train": run.how_to("train"),
            "frozen": run.how_to("freeze"),
        },
        skip_without={"records": NO_TEST_RECORDS},
    )  # fmt: skip
