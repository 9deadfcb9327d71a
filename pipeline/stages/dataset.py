"""Read the labelled images, whatever their format, and write them as csv, images and a label map."""

from __future__ import annotations

from typing import Any

from pipeline.plan import Job, Place, Plan
from pipeline.receipts import DATASET

NAME = "dataset"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/dataset.py"

HINT = "put your labelled images there, or name their folder, tar or zip: DATASET=path"


def job(plan: Plan) -> Job:
    settings, run = plan.settings, plan.run
    keeping = ("--keep-going",) if settings.keep_going else ()
    return Job(
        command=(
            "-m", "pipeline.jobs.dataset", *reading(plan), *keeping,
            "--check-file", "{check}", "--page-name", run.dataset_page, "--cache", run.check_cache,
            "--tf-csv-dir", "{tf_csv}",
        ),
        inputs={"dataset": Place(DATASET), "check": Place(run.check)},
        outputs={"tf_csv": Place(run.tf_csv)},
        settings={**reading_settings(plan), "keep_going": settings.keep_going or None},
        hints={"dataset": HINT, "check": run.how_to("check")},
    )  # fmt: skip


def reading(plan: Plan) -> tuple[str, ...]:
    """Return the flags that say what is read, and how it is split: for the check and for the training alike."""
    settings = plan.settings
    grouped = () if settings.group_by is None else (f"--group-by={settings.group_by}",)
    return (
        "--dataset", "{dataset}", f"--shown-as={settings.dataset}", "--format", settings.format,
        "--test-fraction", str(settings.test_fraction), "--seed", str(settings.seed), *grouped,
    )  # fmt: skip


def reading_settings(plan: Plan) -> dict[str, Any]:
    """Return the settings that decide what is read, and how it is split."""
    settings = plan.settings
    return {
        "format": settings.format,
        "test_fraction": settings.test_fraction,
        "seed": settings.seed,
        "group_by": settings.group_by,
    }
