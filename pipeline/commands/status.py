"""Show every stage of a run: up to date, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.planner import plan_trained, plan_training
from pipeline.report.screen import say
from pipeline.runner import Outcome, check_stages
from pipeline.stages import CHAINS, STAGES


def status(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Say of every stage whether it is up to date; run nothing, write nothing."""
    training = plan_training(root, given)
    trained = plan_trained(root, {key: given.get(key) for key in ("model", "name")})
    before = check_stages(root, training, CHAINS["train"])
    after = check_stages(
        root, trained, [name for name in STAGES if belongs_after_training(root / trained.run.output, name)]
    )
    outcomes = [*before, *after]
    say(f"{training.run.name} ({trained.preset.name})")
    for outcome in outcomes:
        say(f"  {outcome.stage:<20} {describe(outcome)}")
    return {"name": training.run.name, "stages": [outcome.to_json() for outcome in outcomes]}


def belongs_after_training(output: Path, stage: str) -> bool:
    """Tell whether a stage is of every export, or has run because it was asked for by name."""
    return stage in CHAINS["export"] or (stage not in CHAINS["train"] and (output / f".receipts/{stage}.json").exists())


def describe(outcome: Outcome) -> str:
    """Return the state of a stage in words."""
    match outcome.state:
        case "up_to_date":
            return "up to date"
        case "skipped":
            return f"skipped: {outcome.reason}"
        case _:
            return f"stale: {outcome.reason}"
