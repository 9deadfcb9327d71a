"""Show what every artefact scores, and fail when one is further from its checkpoint than it may be.

It writes nothing: its receipt, which only a job that ended well gets, is what says that all limits hold. A broken one
leaves none, so that the same command fails again instead of finding all up to date.
"""

from __future__ import annotations

from pipeline.plan import Job, Place, Plan
from pipeline.stages.records import NO_TEST_RECORDS

NAME = "evaluate"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/evaluate.py"


def job(plan: Plan) -> Job:
    run = plan.run
    return Job(
        command=("-m", "pipeline.jobs.evaluate", "--name", run.name, "--metrics-file", "{metrics}"),
        inputs={"metrics": Place(f"{run.evaluation}/metrics.json")},
        outputs={},
        hints={"metrics": run.how_to("evaluate")},
        skip_without={"metrics": NO_TEST_RECORDS},
    )
