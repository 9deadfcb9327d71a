"""Check a dataset without training: what is in it, and what of it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.checks.check_file import read_check
from pipeline.errors import DataError
from pipeline.planner import plan_training
from pipeline.report.check_summary import format_summary, format_verdict
from pipeline.report.screen import say
from pipeline.runner import run_chain
from pipeline.stages import CHAINS


def check(root: Path, given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Check the dataset, show what was found, and return it with the exit code: 3 when not all can be used.

    With keep_going it is 3 only when nothing can be used.

    It needs no container, so it runs in this environment unless Docker is asked for.
    """
    plan = plan_training(root, given)
    backend = "docker" if plan.settings.backend == "docker" else "local"
    (outcome,) = run_chain(root, plan, CHAINS["check"], lambda: choose_backend(backend, root), plan_all=False)
    found = read_check(root / plan.run.check)
    if outcome.state == "up_to_date":  # otherwise the job has just shown it
        lines = format_summary(found, dataset=plan.settings.dataset)
        for line in [*lines, format_verdict(found, page=plan.run.dataset_page)]:
            say(line)
    if found.refused and not (plan.settings.keep_going and found.usable_boxes):
        return found.to_public(), DataError.exit_code
    say(f"checked: {plan.run.dataset_page}; next: make train DATASET={plan.settings.dataset} NAME={plan.run.name}")
    return found.to_public(), 0
