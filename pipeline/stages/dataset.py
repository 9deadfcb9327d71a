"""Read the labelled images, whatever their format, and write them as csv, images and a label map."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.receipts import DATASET

NAME = "dataset"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/dataset.py"


def job(plan: Plan) -> Job:
    settings = plan.settings
    return Job(
        command=(
            "-m", "pipeline.jobs.dataset", "--dataset", "{dataset}", "--format", settings.format,
            "--test-fraction", str(settings.test_fraction), "--seed", str(settings.seed), "--tf-csv-dir", "{tf_csv}",
        ),
        inputs={"dataset": Place(DATASET)},
        outputs={"tf_csv": Place(plan.run.tf_csv)},
        settings={"format": settings.format, "test_fraction": settings.test_fraction, "seed": settings.seed},
        hints={"dataset": "put a Supervisely or Pascal VOC folder there, or name yours: make train DATASET=path"},
    )  # fmt: skip
