"""Write the page of a run: how well it detects, what goes wrong, what to do next, how to use what was exported."""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.run_report.run_files import READ
from pipeline.stages.records import TEST_RECORDS

NAME = "report"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/report.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=(
            "-m", "pipeline.jobs.report", "--name", run.name, "--run-dir", run.output, "--records-dir", "{records}",
            "--tf-csv-dir", "{tf_csv}", "--report-file", "{report}",
        ),
        # It tells of what is there
        inputs={
            "train": Place(run.train, ("settings.yaml", "metrics.jsonl", "best.json")),
            **{name: Place(f"{run.output}/{name}", names, optional=True) for name, names in READ.items()},
            "records": Place(run.records, TEST_RECORDS, optional=True),
            "tf_csv": Place(run.tf_csv, ("train.csv", "test.csv"), optional=True),
        },
        outputs={"report": Place(run.report)},
        hints={"train": run.how_to("train")},
    )  # fmt: skip
