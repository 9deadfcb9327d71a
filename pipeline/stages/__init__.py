"""The stages, one module each: what it reads and writes, in which image, with which command.

A stage starts nothing and prints nothing; it turns a plan into a job. To add one: a module with NAME,
IMAGE, SCRIPT and `job`, a line in STAGES, a place in a chain, a service in docker-compose.yml.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.plan import Job, Plan
from pipeline.stages import (
    check,
    dataset,
    evaluate,
    evaluate_tensorflow,
    evaluate_tfjs,
    evaluate_tflite,
    export,
    freeze,
    records,
    tfjs,
    tflite,
    train,
)


class Stage(Protocol):
    """What every module of this folder offers."""

    NAME: str
    IMAGE: str
    SCRIPT: str

    def job(self, plan: Plan) -> Job: ...


STAGES: dict[str, Stage] = {
    "check": check,
    "dataset": dataset,
    "records": records,
    "train": train,
    "freeze": freeze,
    "tflite": tflite,
    "tfjs": tfjs,
    "export": export,
    "evaluate_tensorflow": evaluate_tensorflow,
    "evaluate_tflite": evaluate_tflite,
    "evaluate_tfjs": evaluate_tfjs,
    "evaluate": evaluate,
}

# What a verb runs, in order. Only `train` trains: exporting and evaluating take the last checkpoint.
CHAINS: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "dataset": ("check", "dataset"),
    "records": ("check", "dataset", "records"),
    "train": ("check", "dataset", "records", "train"),
    "freeze": ("freeze",),
    "tflite": ("freeze", "tflite"),
    "tfjs": ("freeze", "tfjs"),
    "export": ("freeze", "tflite", "tfjs", "export"),
    "evaluate": (
        "freeze", "tflite", "tfjs", "evaluate_tensorflow", "evaluate_tflite", "evaluate_tfjs", "evaluate",
    ),
}  # fmt: skip
