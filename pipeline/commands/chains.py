"""The verbs that run a chain of stages: train, freeze, tflite, tfjs, export, evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.commands.broken_limit import explain_break
from pipeline.commands.refusals import check_verb, describe_forms
from pipeline.fidelity.limits import describe_notes
from pipeline.plan import Plan
from pipeline.planner import plan_trained, plan_training
from pipeline.preflight.compiler_log import compare_rows, read_compiler_log
from pipeline.receipts import read_json
from pipeline.report.artefact_table import render_artefact_table
from pipeline.report.screen import say
from pipeline.runner import JobFailed, Outcome, run_chain
from pipeline.stages import CHAINS, preflight


def train(root: Path, given: Mapping[str, Any], *, fresh: bool = False) -> dict[str, Any]:
    """Convert the dataset and train, or go on training."""
    plan = plan_training(root, given, fresh=fresh)
    if plan.architecture != "ssd" and (forms := describe_forms(plan)):
        say(forms)  # now, not after hours of training
    outcomes = run(root, plan, "train")
    say(f"trained: {plan.run.train}; next: make export NAME={plan.run.name}")
    return summary(plan, outcomes)


def records(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the dataset into records, and go no further."""
    plan = plan_training(root, given)
    outcomes = run(root, plan, "records")
    say(f"records: {plan.run.records}")
    return summary(plan, outcomes)


def export(root: Path, given: Mapping[str, Any], *, verb: str = "export") -> dict[str, Any]:
    """Freeze a checkpoint, the best by default, and convert it, as far as `verb` goes."""
    plan = plan_trained(root, given)
    check_verb(plan, verb, given)
    forms = describe_forms(plan)
    if verb == "export" and forms:
        say(forms)
    outcomes = run(root, plan, verb)
    told = summary(plan, outcomes)
    made = {"freeze": plan.run.frozen, "tflite": plan.run.tflite, "tfjs": plan.run.tfjs, "edgetpu": plan.run.edgetpu}
    if verb in ("export", "edgetpu"):
        warn_of_edge_tpu(root, plan)
    if verb == "edgetpu":
        compare_with_compiler(root, plan)
    following = f"make evaluate NAME={plan.run.name}"
    if verb == "export":
        told["metrics"] = metrics = read_metrics(root, plan, outcomes)
        reason = next((outcome.reason for outcome in outcomes if outcome.stage == "evaluate"), None)
        say(describe_evaluation(metrics, plan, reason))
        following = f"make detect NAME={plan.run.name} IMAGES=folder"
    say(f"exported: {made.get(verb, plan.run.output)}; next: {following}")
    return told


def read_metrics(root: Path, plan: Plan, outcomes: list[Outcome]) -> list[dict[str, Any]] | None:
    """Return what the evaluation of a chain has found; None where it was skipped."""
    if any(outcome.stage == "evaluate" and outcome.state == "skipped" for outcome in outcomes):
        return None
    metrics: list[dict[str, Any]] = read_json(str(root / plan.run.evaluation / "metrics.json"))
    return metrics


def describe_evaluation(metrics: list[dict[str, Any]] | None, plan: Plan, reason: str | None) -> str:
    """Say in a line that all limits hold, or why nobody looked."""
    if metrics is None:
        return f"not evaluated: {reason}; make records DATASET=... NAME={plan.run.name} makes them again"
    limited = sum(entry["limit_points"] is not None and entry["not_run"] is None for entry in metrics)
    return f"evaluated: {limited} forms of the model, all within their limits: {plan.run.evaluation}/metrics.json"


def warn_of_edge_tpu(root: Path, plan: Plan) -> None:
    """Say in one line when a model that is meant for the Edge TPU would not run there whole."""
    if preflight.refusal(plan):
        return
    found = read_json(str(root / plan.run.edgetpu / "preflight.json"))
    if found and not found["works"]:
        say(
            f"warning: {found['on_tpu']} of {found['operators']} operators would run on the Edge TPU; "
            f"why, and what to do: make preflight NAME={plan.run.name}"
        )


def compare_with_compiler(root: Path, plan: Plan) -> None:
    """Say whether the compiler did of each operator what the preflight said."""
    folder = root / plan.run.edgetpu
    rows = [(row["operator"], row["count"], row["status"]) for row in read_json(str(folder / "preflight.json"))["rows"]]
    log = read_compiler_log(folder / "detect_edgetpu.log")
    for difference in compare_rows(rows, log.rows) or [f"compiler {log.version} says the same of every operator"]:
        say(difference)


def evaluate(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Score every artefact on the test images and show the tables.

    Raises JobFailed, exit code 4, when one is further from its checkpoint than it may be.
    """
    plan = plan_trained(root, given)
    outcomes = run(root, plan, "evaluate", insist=True)
    metrics = read_metrics(root, plan, outcomes) or []
    if outcomes[-1].state == "up_to_date":  # otherwise the job has just shown it
        say(render_artefact_table(metrics))
        for note in describe_notes(metrics):
            say(f"note: {note}")
    say(f"evaluated: {plan.run.evaluation}/metrics.json; next: make detect NAME={plan.run.name} IMAGES=folder")
    return {**summary(plan, outcomes), "metrics": metrics}


def run(root: Path, plan: Plan, verb: str, *, insist: bool = False) -> list[Outcome]:
    """Run the chain of a verb on the backend that the settings choose; say of a broken limit what broke it."""
    try:
        return run_chain(root, plan, CHAINS[verb], lambda: choose_backend(plan.settings.backend, root), insist=insist)
    except JobFailed as failure:
        if failure.stage != "evaluate":
            raise
        raise explain_break(root, plan, failure) from failure


def summary(plan: Plan, outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what a program wants to know of a run."""
    return {
        "name": plan.run.name,
        "model": plan.preset.name,
        "output": plan.run.output,
        "stages": [outcome.to_json() for outcome in outcomes],
    }
