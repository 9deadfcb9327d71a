"""From settings to a plan, and from a plan to the spec files that the jobs are run from.

output/cats/.jobs/{freeze,tflite,...}.json   one spec a stage
output/cats/.jobs/model.json                 the preset, as train.py reads it
output/cats/.jobs/options.json               what the settings change of the training
output/cats/.jobs/settings.yaml              the settings, copied beside the checkpoints
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.code import find_code
from pipeline.config import FILE_NAME, Settings, parse_settings, read_settings, read_yaml, without_none
from pipeline.errors import ConfigError
from pipeline.models import read_preset
from pipeline.plan import Plan
from pipeline.receipts import write_json
from pipeline.stages import STAGES, train
from pipeline.training_settings import layer
from pipeline.workspace import Run

EXPORTING = ("checkpoint", "tfjs_weights", "nms", "max_detections", "tolerance", "pbtxt")
"""The settings of what follows a training."""


def plan_training(root: Path, given: Mapping[str, Any], *, fresh: bool = False) -> Plan:
    """Plan a training: what the run was begun with, odpipe.yaml over it, and what is `given` over both.

    So `make train NAME=cats` goes on with an interrupted run without being told everything again.
    """
    given = {
        **given,
        "dataset": locate(root, given.get("dataset")),
        "pretrained": locate_weights(root, given.get("pretrained")),
    }
    settings = read_settings(root, given)
    stored = {} if fresh else read_stored(root, settings.run_name)
    return make_plan(root, read_settings(root, given, stored=stored), fresh=fresh)


def locate(root: Path, given: str | None) -> str | None:
    """Return the path of a dataset or a checkpoint as settings have it: relative to the project, or outside absolute.

    It is looked for from the current folder first, then from the project; what is not there, or no path, is left as
    it is.
    """
    if given is None or Path(given).is_absolute():
        return given
    path = Path(os.path.abspath(given))
    if not path.exists() and not Path(f"{path}.index").exists():
        return given
    base = Path(os.path.abspath(root))
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)


def locate_weights(root: Path, given: str | None) -> str | None:
    """Return PRETRAINED as settings have it: a word or a URL as it is, a path as `locate` gives it.

    A container has the project elsewhere, so that a path within it is always relative.
    """
    if given is None or given.lower() in ("zoo", "none") or "://" in given:
        return given
    path = Path(os.path.abspath(given))
    base = Path(os.path.abspath(root))
    if Path(given).is_absolute():
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else given
    return locate(root, given)


def plan_trained(root: Path, given: Mapping[str, Any]) -> Plan:
    """Plan further work on a run: what its training used stands, unless it is `given` anew.

    How it is exported is no matter of its training: of that odpipe.yaml decides as it is now.

    Raises ConfigError when another model is asked for than the one that was trained.
    """
    settings = read_settings(root, given)
    stored = read_stored(root, settings.run_name)
    if not stored:
        return make_plan(root, settings)
    asked = given.get("model")
    if asked is not None and read_preset(asked).name != stored.get("model"):
        raise ConfigError(
            f"{settings.run_name} was trained with {stored.get('model')}, not with {asked}",
            hint=f"leave MODEL out, or train it under another NAME: make train MODEL={asked} NAME=...",
        )
    written = read_yaml(root / FILE_NAME) if (root / FILE_NAME).exists() else {}
    now = {key: value for key, value in written.items() if key in EXPORTING}
    return make_plan(root, parse_settings(layer(stored, now, without_none(given), {"name": settings.run_name})))


def read_stored(root: Path, name: str) -> dict[str, Any]:
    """Return the settings that a run was trained with; empty when it was not."""
    path = root / Run(name).train / "settings.yaml"
    return read_yaml(path) if path.exists() else {}


def make_plan(root: Path, settings: Settings, *, fresh: bool = False) -> Plan:
    """Return the plan of a run; raises ConfigError for an unknown model or a missing base config."""
    preset = read_preset(settings.model)
    base_config = None
    if settings.config is not None:
        path = root / settings.config
        if not path.is_file():
            raise ConfigError(f"no pipeline.config at {settings.config}", hint="CONFIG=path/to/pipeline.config")
        base_config = path.read_text(encoding="utf-8")
    return Plan(settings=settings, preset=preset, run=Run(settings.run_name), base_config=base_config, fresh=fresh)


def make_specs(root: Path, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return {stage: spec} of every stage; write nothing."""
    specs = {}
    for name, stage in STAGES.items():
        specs[name] = stage.job(plan).to_spec(stage=name, image=stage.IMAGE, run=plan.run.name, fresh=plan.fresh)
        specs[name]["code"] = list(find_code(root, stage.SCRIPT, *specs[name]["code"]))
    return specs


def write_specs(root: Path, plan: Plan, only: Collection[str] = tuple(STAGES)) -> dict[str, dict[str, Any]]:
    """Write the specs of the stages and the files that they name; return {stage: spec}."""
    specs = {name: spec for name, spec in make_specs(root, plan).items() if name in only}
    jobs = root / plan.run.jobs
    jobs.mkdir(parents=True, exist_ok=True)
    replace_text(jobs / "model.json", plan.preset.model_dump_json(indent=1) + "\n")
    replace_text(jobs / "options.json", json.dumps(train.options(plan), indent=1) + "\n")
    if plan.base_config is not None:
        replace_text(jobs / "base.config", plan.base_config)
    stored = plan.settings.model_dump(exclude={"backend"}) | {
        "name": plan.run.name,
        "model": plan.preset.name,  # not the alias that it may have been called by
        "steps": None if plan.settings.epochs else train.steps(plan),
        "batch": train.batch(plan),
    }
    replace_text(
        jobs / "settings.yaml",
        f"# The settings that this run was trained with; to change them use {FILE_NAME} or the command line.\n"
        + yaml.safe_dump(stored, sort_keys=False, allow_unicode=True),
    )
    for name, spec in specs.items():
        write_json(str(jobs / f"{name}.json"), spec)
    return specs


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; leave it alone when it says that already."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
