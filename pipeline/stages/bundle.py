"""Pack the exported model, its figures and its card into one zip: after the evaluation, whose figures it tells."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import preflight, pretrained
from pipeline.stages.export import exported_folders

NAME = "bundle"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/bundle.py"

SHIPPED = "container_scripts/bundle/detect.py"


def job(plan: Plan) -> Job:
    run, source = plan.run, pretrained.source_of(plan)
    folders = exported_folders(plan)
    if preflight.refusal(plan) is None:
        folders["edgetpu"] = run.edgetpu
    flags = [word for name in folders for word in ("--folder", "{" + name + "}")]
    return Job(
        command=(
            "-m", "pipeline.jobs.bundle", "--name", run.name, "--preset", plan.preset.name,
            *(("--pretrained", source.label) if source else ()), "--train-dir", "{train}", *flags,
            "--metrics-file", f"{run.evaluation}/metrics.json", "--check-file", run.check,
            "--records-dir", "{records}", "--tf-csv-dir", "{tf_csv}", "--bundle-dir", "{bundle}",
        ),
        settings={"name": run.name, "pretrained": source.label if source else None},
        inputs={
            **{name: Place(path) for name, path in folders.items()},
            "train": Place(run.train, ("settings.yaml",)),
            # A model may be packed where its images are not, or no longer
            "metrics": Place(run.evaluation, ("metrics.json",), optional=True),
            "check": Place(run.check, optional=True),
            "records": Place(run.records, ("records.json",), optional=True),
            "tf_csv": Place(run.tf_csv, ("train.csv", "test.csv"), optional=True),
        },
        outputs={"bundle": Place(run.bundle)},
        code=(SHIPPED,),
        hints={"train": run.how_to("train"), **dict.fromkeys(folders, run.how_to("export"))},
    )  # fmt: skip
