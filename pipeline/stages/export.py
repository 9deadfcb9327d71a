"""List what was exported, with sizes and hashes: the last job of the chain, and proof that it is whole."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages import frigate, tflite

NAME = "export"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/export.py"


def job(plan: Plan) -> Job:
    run, folders = plan.run, exported_folders(plan)
    flags = [word for name in folders for word in ("--folder", "{" + name + "}")]
    return Job(
        command=("-m", "pipeline.jobs.export", *flags, "--manifest", "{manifest}"),
        inputs={name: Place(path) for name, path in folders.items()},
        outputs={"manifest": Place(f"{run.output}/export.json")},
        hints=dict.fromkeys(folders, run.how_to("export")),
    )


def exported_folders(plan: Plan) -> dict[str, str]:
    """Return the folders of all forms that this model has: {name: path from the root}."""
    run = plan.run
    folders = {"frozen": run.frozen, "tfjs": run.tfjs}
    if tflite.refusal(plan) is None:
        folders["tflite"] = run.tflite
    if frigate.refusal(plan) is None:
        folders["frigate"] = run.frigate
    return folders
