"""Score the detections of every artefact with one metrics code."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite

NAME = "evaluate"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/evaluate.py"


def job(plan: Plan) -> Job:
    run = plan.run
    runtimes = ["tensorflow", "tfjs"]
    if tflite.refusal(plan) is None:
        runtimes.insert(1, "tflite")
    flags = [word for name in runtimes for word in ("--detections-dir", "{" + name + "}")]
    return Job(
        command=("-m", "pipeline.jobs.evaluate", "--records-dir", "{records}", *flags, "--metrics-file", "{metrics}"),
        inputs={
            "records": Place(run.records, ("test.record-*", "label_map.pbtxt")),
            **{name: Place(f"{run.evaluation}/{name}") for name in runtimes},
        },
        outputs={"metrics": Place(f"{run.evaluation}/metrics.json")},
        hints={
            "records": run.how_to("train"),
            **dict.fromkeys(runtimes, run.how_to("evaluate")),
        },
    )
