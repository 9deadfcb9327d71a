"""Train the detector; the one stage that resumes in its own folder."""

from __future__ import annotations

import hashlib

from pipeline.plan import Job, Place, Plan

NAME = "train"
IMAGE = "odapi"
SCRIPT = "container_scripts/train.py"

# What later stages read of a training: the index of a checkpoint holds the checksums of its weights.
CHECKPOINT_FILES = ("checkpoint", "*.index", "pipeline.config", "label_map.pbtxt")


def job(plan: Plan) -> Job:
    settings, run = plan.settings, plan.run
    command = [
        SCRIPT, "--records-dir", "{records}", "--model", f"{run.jobs}/model.json",
        "--steps", str(steps(plan)), "--batch", str(batch(plan)), "--seed", str(settings.seed),
        "--train-dir", "{train}",
    ]  # fmt: skip
    if plan.base_config is not None:
        command += ["--config", f"{run.jobs}/base.config"]
    if settings.threads is not None:
        command += ["--threads", str(settings.threads)]
    return Job(
        command=tuple(command),
        inputs={"records": Place(run.records)},
        outputs={"train": Place(run.train, CHECKPOINT_FILES)},
        settings={
            "model": model_digest(plan),
            "steps": steps(plan),
            "batch": batch(plan),
            "seed": settings.seed,
        },
        hints={"records": run.how_to("train")},
        in_place=True,
        identity={"inputs": ["records"], "settings": ["model"]},
        copies={f"{run.jobs}/settings.yaml": f"{run.train}/settings.yaml"},
    )


def steps(plan: Plan) -> int:
    """Return the steps to train: the run's own, else the model's."""
    return plan.settings.steps or plan.preset.steps


def batch(plan: Plan) -> int:
    """Return the images a step: the run's own, else the model's."""
    return plan.settings.batch or plan.preset.batch


def model_digest(plan: Plan) -> str:
    """Return the model's name and a digest of all that defines it, so that receipts stay short."""
    defined = plan.preset.model_dump_json() + (plan.base_config or "")
    return f"{plan.preset.name} {hashlib.sha256(defined.encode()).hexdigest()[:12]}"
