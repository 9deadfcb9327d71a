"""Score the detections of every artefact with one metrics code, and hold them against the checkpoint's."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import tflite
from pipeline.stages.records import NO_TEST_RECORDS, TEST_RECORDS

NAME = "metrics"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/metrics.py"


def job(plan: Plan) -> Job:
    run, settings = plan.run, plan.settings
    runtimes = ["tensorflow", "tfjs"]
    if tflite.refusal(plan) is None:
        runtimes.insert(1, "tflite")
    flags = [word for name in (*runtimes, "chromium") for word in ("--detections-dir", "{" + name + "}")]
    flags += ["--model-file", "{model}", "--nms", settings.nms, "--max-detections", str(settings.max_detections)]
    flags += ["--tfjs-weights", settings.tfjs_weights] if settings.tfjs_weights else []
    flags += ["--tolerance", settings.tolerance] if settings.tolerance else []
    return Job(
        command=("-m", "pipeline.jobs.metrics", "--records-dir", "{records}", *flags, "--metrics-file", "{metrics}"),
        settings={
            "tfjs_weights": settings.tfjs_weights,
            "nms": settings.nms,
            "max_detections": settings.max_detections,
            "tolerance": settings.tolerance,
        },
        inputs={
            "records": Place(run.records, TEST_RECORDS),
            "model": Place(f"{run.frozen}/model.json"),
            **{name: Place(f"{run.evaluation}/{name}") for name in runtimes},
            # Not every machine has a browser
            "chromium": Place(f"{run.evaluation}/chromium", optional=True),
        },
        outputs={"metrics": Place(f"{run.evaluation}/metrics.json")},
        hints={
            "records": run.how_to("train"),
            "model": run.how_to("freeze"),
            **dict.fromkeys(runtimes, run.how_to("evaluate")),
        },
        skip_without={"records": NO_TEST_RECORDS},
    )
