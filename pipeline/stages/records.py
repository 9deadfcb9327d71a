"""Pack the images and their boxes into sharded TFRecords, as the Object Detection API reads them."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "records"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/records.py"


def job(plan: Plan) -> Job:
    return Job(
        command=(
            "-m", "pipeline.jobs.records", "--tf-csv-dir", "{tf_csv}", "--records-dir", "{records}",
            "--seed", str(plan.settings.seed),
        ),
        inputs={"tf_csv": Place(plan.run.tf_csv)},
        settings={"seed": plan.settings.seed},
        outputs={"records": Place(plan.run.records)},
        hints={"tf_csv": plan.run.how_to("train")},
    )  # fmt: skip
