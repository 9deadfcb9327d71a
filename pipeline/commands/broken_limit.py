"""What is done about a broken limit: say at once where the points are lost, as far as that can be told."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands.explain_drop import explain_drop
from pipeline.errors import PipelineError
from pipeline.explain.artefacts import KNOWN
from pipeline.plan import Plan
from pipeline.receipts import read_json
from pipeline.report.screen import say
from pipeline.runner import JobFailed

IMAGES = 100


def explain_break(root: Path, plan: Plan, failure: JobFailed) -> JobFailed:
    """Return the failure of the stage `evaluate` with what explain-drop says of the first artefact that broke.

    For those that cannot be looked into, and where the looking fails, the failure is returned as it is.
    """
    metrics = read_json(str(root / plan.run.evaluation / "metrics.json")) or []
    broken = [entry["artefact"] for entry in metrics if entry["verdict"] == "broken" and entry["artefact"] in KNOWN]
    if not broken:
        return failure
    say(f"explain-drop  looks where {broken[0]} loses it")
    try:
        given = {"name": plan.run.name, "backend": plan.settings.backend}
        found = explain_drop(root, given, artefact=broken[0], images=IMAGES, as_evaluated=True)
    except PipelineError as error:
        say(f"explain-drop could not tell: {error}")
        return failure
    told = f"{failure}\n{broken[0]}: {found['headline']}"
    hint = found.get("advice") or failure.hint
    say(f"error: {told}")
    if hint:
        say(f"hint: {hint}")
    return JobFailed(failure.stage, failure.exit_code, message=told, hint=hint)
