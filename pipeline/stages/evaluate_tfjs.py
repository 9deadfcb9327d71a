"""Detect on the test images with the TensorFlow.js model, in Node."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan

NAME = "evaluate_tfjs"
IMAGE = "tfjs"
SCRIPT = "container_scripts/detect_tfjs.mjs"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            SCRIPT, "--records-dir", "{records}", "--tfjs-dir", "{tfjs}", "--detections-dir", "{detections}",
        ),
        inputs={
            "records": Place(run.records, ("test.record-*", "label_map.pbtxt")),
            "tfjs": Place(run.tfjs),
        },
        outputs={"detections": Place(f"{run.evaluation}/tfjs")},
        hints={
            "records": f"make train NAME={run.name} (or: docker compose up train)",
            "tfjs": f"make export NAME={run.name} (or: docker compose up export)",
        },
    )  # fmt: skip
