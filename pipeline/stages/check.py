"""Check the labelled images, whatever their format: what is in them, and what of it cannot be used."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.receipts import DATASET
from pipeline.stages import dataset
from pipeline.stages.train import model_digest

NAME = "check"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/check.py"


def job(plan: Plan) -> Job:
    run = plan.run
    command = [
        "-m", "pipeline.jobs.check", *dataset.reading(plan),
        "--check-file", "{check}", "--page", "{page}", "--page-name", run.dataset_page, "--cache", run.check_cache,
        "--name", run.name,
    ]  # fmt: skip
    if plan.base_config is None:  # else the preset is not what will be trained
        command += ["--model", f"{run.jobs}/model.json"]
    return Job(
        command=tuple(command),
        inputs={"dataset": Place(DATASET)},
        outputs={"check": Place(run.check), "page": Place(run.dataset_page)},
        settings={**dataset.reading_settings(plan), "model": model_digest(plan)},
        hints={"dataset": dataset.HINT},
    )
