"""The stages, one module each: what it reads and writes, in which image, with which command.

A stage starts nothing and prints nothing; it turns a plan into a job. To add one: a module with NAME,
IMAGE, SCRIPT and `job`, a line in STAGES, a place in a chain, a service in docker-compose.yml.
"""

from __future__ import annotations

from typing import Protocol

from pipeline.plan import Job, Plan
from pipeline.stages import (
    bundle,
    check,
    dataset,
    edgetpu,
    evaluate,
    evaluate_chromium,
    evaluate_tensorflow,
    evaluate_tfjs,
    evaluate_tflite,
    export,
    freeze,
    frigate,
    metrics,
    preflight,
    pretrained,
    records,
    report,
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
    "pretrained": pretrained,
    "train": train,
    "freeze": freeze,
    "tflite": tflite,
    "tfjs": tfjs,
    "preflight": preflight,
    "edgetpu": edgetpu,
    "frigate": frigate,
    "export": export,
    "evaluate_tensorflow": evaluate_tensorflow,
    "evaluate_tflite": evaluate_tflite,
    "evaluate_tfjs": evaluate_tfjs,
    "evaluate_chromium": evaluate_chromium,
    "metrics": metrics,
    "report": report,
    "evaluate": evaluate,
    "bundle": bundle,
}

# Run every artefact over the test images, score them, and tell of it; the last fails when one has lost more than it may
MEASURING = ("evaluate_tensorflow", "evaluate_tflite", "evaluate_tfjs", "evaluate_chromium", "metrics")
EVALUATION = (*MEASURING, "report", "evaluate")

# Neighbours in a chain that read the same, write apart, and measure no time: they may run at the same time
SIDE_BY_SIDE = ("tflite", "tfjs")

# What a verb runs, in order. Only `train` trains: exporting and evaluating take a checkpoint that is there.
CHAINS: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "dataset": ("check", "dataset"),
    "records": ("check", "dataset", "records"),
    "train": ("check", "dataset", "records", "pretrained", "train"),
    "freeze": ("freeze",),
    "tflite": ("freeze", "tflite"),
    "tfjs": ("freeze", "tfjs"),
    "edgetpu": ("freeze", "tflite", "preflight", "edgetpu"),
    # What is made of the figures comes after them
    "export": ("freeze", "tflite", "tfjs", "preflight", "frigate", "export", *EVALUATION, "bundle"),
    "evaluate": ("freeze", "tflite", "tfjs", *EVALUATION),
    "report": ("freeze", "tflite", "tfjs", "preflight", "frigate", *MEASURING, "report"),
}
