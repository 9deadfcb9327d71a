"""Write a run's page, and bring up to date what it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.commands import chains
from pipeline.planner import plan_trained
from pipeline.report.screen import say


def report(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Export and evaluate what is not up to date, and write output/NAME/report.html."""
    plan = plan_trained(root, given)
    outcomes = chains.run(root, plan, "report")
    say(f"report: {plan.run.report}; next: open it in a browser, or compare: odpipe compare {plan.run.name} OTHER")
    return {**chains.summary(plan, outcomes), "report": plan.run.report}
