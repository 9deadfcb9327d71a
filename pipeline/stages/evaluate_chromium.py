"""Detect on the test images with the fast TensorFlow.js build, in a real browser."""

from __future__ import annotations

import json
import os
import shutil

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite
from pipeline.stages.records import NO_TEST_RECORDS, TEST_RECORDS
from pipeline.workspace import find_root

NAME = "evaluate_chromium"
IMAGE = "browser"
SCRIPT = "container_scripts/detect_chromium.mjs"
NAMES = (
    "chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chrome",
    "headless_shell",
)  # fmt: skip
"""What Chromium is called on PATH; container_scripts/node/chromium.mjs looks for the same."""


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            SCRIPT, "--records-dir", "{records}", "--tfjs-dir", "{tfjs}", "--detections-dir", "{detections}",
        ),
        settings={"again": may_run_now(plan)},
        inputs={
            "records": Place(run.records, TEST_RECORDS),
            "tfjs": Place(run.tfjs),
        },
        outputs={"detections": Place(f"{run.evaluation}/chromium")},
        hints={
            "records": run.how_to("train"),
            "tfjs": run.how_to("export"),
        },
        skip=refusal(plan),
        skip_without={"records": NO_TEST_RECORDS},
    )  # fmt: skip


def may_run_now(plan: Plan) -> bool:
    """Tell whether it did not run for lack of a browser, and this machine has got one since.

    Not which browser there is: the container has its own, and the host's is then no reason to run it again.
    """
    path = find_root() / plan.run.evaluation / "chromium" / "tfjs_chromium.jsonl"
    try:
        with path.open(encoding="utf-8") as file:
            ran = json.loads(file.readline())["not_run"] is None
    except (OSError, ValueError, KeyError):
        return False
    return not ran and find_chromium() is not None


def find_chromium() -> str | None:
    """Return the browser that the job will take on this machine; None when there is none."""
    return os.environ.get("ODPIPE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def refusal(plan: Plan) -> str | None:
    """Say why the model has no fast build; None when it has one."""
    if tflite.refusal(plan) is None:
        return None
    return f"{plan.preset.name} is no SSD, and only SSD has a fast browser build; the plain TF.js build does work"
