"""Write the specs of all stages: the first service of every `docker compose up`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import settings_from_environment
from pipeline.planner import EXPORTING, plan_trained, plan_training, write_specs
from pipeline.report.screen import say

TRAINING = ("check", "dataset", "records", "train")


def plan(root: Path) -> dict[str, Any]:
    """Plan the run that MODEL, NAME, STEPS, ... of the environment describe.

    The stages up to training follow odpipe.yaml and the environment; the later ones follow what the
    run was trained with, as `make export` does.
    """
    given = settings_from_environment()
    later = plan_trained(root, {key: value for key, value in given.items() if key in ("model", "name", *EXPORTING)})
    write_specs(root, later)
    training = plan_training(root, given)
    write_specs(root, training, only=TRAINING)
    say(f"plan  {training.run.name}: {training.preset.name}")
    return {"name": training.run.name, "model": training.preset.name}
