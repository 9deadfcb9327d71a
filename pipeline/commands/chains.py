"""The verbs that run a chain of stages: train, freeze, tflite, tfjs, export, evaluate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.errors import ConfigError
from pipeline.plan import Plan
from pipeline.planner import plan_trained, plan_training
from pipeline.preflight.compiler_log import compare_rows, read_compiler_log
from pipeline.receipts import read_json
from pipeline.report.artefact_table import render_artefact_table
from pipeline.report.screen import say
from pipeline.runner import Outcome, run_chain
from pipeline.stages import CHAINS, preflight, tflite


def train(root: Path, given: Mapping[str, Any], *, fresh: bool = False) -> dict[str, Any]:
    """Convert the dataset and train, or go on training."""
    plan = plan_training(root, given, fresh=fresh)
    outcomes = run(root, plan, "train")
    say(f"trained: {plan.run.train}; next: make export NAME={plan.run.name}")
    return summary(plan, outcomes)


def export(root: Path, given: Mapping[str, Any], *, verb: str = "export") -> dict[str, Any]:
    """Freeze a checkpoint, the best by default, and convert it, as far as `verb` goes."""
    plan = plan_trained(root, given)
    refusal = tflite.refusal(plan)
    if verb == "tflite" and refusal:
        raise ConfigError(
            refusal, hint=f"make tfjs NAME={plan.run.name}, or train an SSD: MODEL=ssd_mobilenet_v2_quantized"
        )
    if verb == "edgetpu" and (why := preflight.refusal(plan)):
        raise ConfigError(why, hint="MODEL=ssd_mobilenet_v2_quantized")
    outcomes = run(root, plan, verb)
    made = {"freeze": plan.run.frozen, "tflite": plan.run.tflite, "tfjs": plan.run.tfjs, "edgetpu": plan.run.edgetpu}
    if verb in ("export", "edgetpu"):
        warn_of_edge_tpu(root, plan)
    if verb == "edgetpu":
        compare_with_compiler(root, plan)
    say(f"exported: {made.get(verb, plan.run.output)}; next: make evaluate NAME={plan.run.name}")
    return summary(plan, outcomes)


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
    """Score every artefact on the test images and show the table."""
    plan = plan_trained(root, given)
    outcomes = run(root, plan, "evaluate")
    path = root / plan.run.evaluation / "metrics.json"
    metrics = read_json(str(path))
    if outcomes[-1].state == "up_to_date":  # otherwise the job has just shown it
        say(render_artefact_table(metrics))
    say(f"evaluated: {plan.run.evaluation}/metrics.json; next: make detect NAME={plan.run.name} IMAGES=folder")
    return {**summary(plan, outcomes), "metrics": metrics}


def run(root: Path, plan: Plan, verb: str) -> list[Outcome]:
    """Run the chain of a verb on the backend that the settings choose."""
    return run_chain(root, plan, CHAINS[verb], lambda: choose_backend(plan.settings.backend, root))


def summary(plan: Plan, outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what a program wants to know of a run."""
    return {
        "name": plan.run.name,
        "model": plan.preset.name,
        "output": plan.run.output,
        "stages": [outcome.to_json() for outcome in outcomes],
    }
