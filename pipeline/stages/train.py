"""Train the detector; the one stage that resumes in its own folder."""

from __future__ import annotations

import hashlib
from typing import Any

from pipeline.plan import Job, Place, Plan
from pipeline.stages import pretrained

NAME = "train"
IMAGE = "odapi"
SCRIPT = "container_scripts/train.py"

# What later stages read of a training: the index of a checkpoint holds the checksums of its weights.
CHECKPOINT_FILES = ("checkpoint", "best.json", "*.index", "pipeline.config", "label_map.pbtxt")

# The detector is the same whatever these say (but for the last digits), so changing them trains nothing anew.
WITHOUT_EFFECT = ("keep", "gpus", "device", "choose_batch")


def job(plan: Plan) -> Job:
    settings, run = plan.settings, plan.run
    source = pretrained.source_of(plan)
    command = [
        SCRIPT, "--records-dir", "{records}", "--model", f"{run.jobs}/model.json",
        "--options", f"{run.jobs}/options.json", *length(plan), "--batch", str(batch(plan)),
        "--seed", str(settings.seed), "--train-dir", "{train}",
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
            **({"epochs": settings.epochs} if settings.epochs else {"steps": steps(plan)}),
            "batch": batch(plan),
            "seed": settings.seed,
            **changes(plan),
            "pretrained": source.label if source else None,
        },
        hints={"records": run.how_to("train")},
        in_place=True,
        identity={"inputs": ["records"], "settings": ["model", "pretrained"], "once": ["checkpoint"]},
        copies={f"{run.jobs}/settings.yaml": f"{run.train}/settings.yaml"},
    )


def steps(plan: Plan) -> int:
    """Return the steps to train: the run's own, else the model's."""
    return plan.settings.steps or plan.preset.steps


def length(plan: Plan) -> list[str]:
    """Return the flags that say how long to train: only the job knows how many images an epoch has."""
    if plan.settings.epochs is not None:
        return ["--epochs", str(plan.settings.epochs)]
    return ["--steps", str(steps(plan))]


def options(plan: Plan) -> dict[str, Any]:
    """Return what options.json holds: see container_scripts/configs/training_options.py."""
    settings, source = plan.settings, pretrained.source_of(plan)
    return {
        "augment": None if settings.augment is None else list(settings.augment),
        "learning_rate": settings.lr,
        "warmup": settings.warmup,
        "schedule": settings.schedule,
        "optimizer": settings.optimizer,
        "freeze": settings.freeze,
        "moving_average": settings.moving_average,
        "set": list(settings.set),
        "qat_delay": settings.qat_delay,
        "choose_batch": settings.batch is None and plan.base_config is None,
        "eval_every": settings.eval_every,
        "patience": settings.patience,
        "keep": settings.keep,
        "gpus": settings.gpus,
        "device": settings.device,
        "pretrained": {"prefix": source.prefix, "source": source.label} if source else None,
    }


def changes(plan: Plan) -> dict[str, Any]:
    """Return the options that lead to another detector; one that is left alone is not mentioned."""
    return {
        name: value
        for name, value in options(plan).items()
        if name not in WITHOUT_EFFECT and value is not None and (name, value) != ("set", [])
    }


def batch(plan: Plan) -> int:
    """Return the images a step: the run's own, else the model's."""
    return plan.settings.batch or plan.preset.batch


def model_digest(plan: Plan) -> str:
    """Return the model's name and a digest of all that defines it, so that receipts stay short."""
    defined = plan.preset.model_dump_json() + (plan.base_config or "")
    return f"{plan.preset.name} {hashlib.sha256(defined.encode()).hexdigest()[:12]}"
