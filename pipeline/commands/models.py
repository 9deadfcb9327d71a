"""List the presets, show one, or list the variables that a checkpoint of it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.augmentations import AUGMENTATIONS
from pipeline.backends import choose_backend
from pipeline.config import DEFAULT_MODEL, read_settings
from pipeline.errors import ConfigError
from pipeline.models import Preset, read_preset, read_presets
from pipeline.plan import Job, Place
from pipeline.receipts import spec_path, write_json
from pipeline.report.model_table import render_augmentations, render_model, render_model_table, render_variables
from pipeline.report.screen import say
from pipeline.runner import run_stage
from pipeline.workspace import Run

STAGE = "model_variables"
IMAGE = "odapi"
SCRIPT = "container_scripts/model_variables.py"
RUN = Run("models")  # where the job leaves its spec and its log
COCO_CLASSES = 90


def models(
    root: Path,
    given: Mapping[str, Any],
    *,
    name: str | None,
    variables: bool = False,
    classes: int | None = None,
    augmentations: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Show all presets, or the one of that name or alias; return what was shown.

    With `variables`, build the preset's network in the odapi image for that many classes (90 when None) and
    return {variable: shape} of it. With `augmentations`, list the names that AUGMENT= takes, and the preset's own
    ones among them. With `quiet`, show none of it to people: a program reads it. Raises ConfigError
    for an unknown model, or for flags that fit nothing.
    """
    show = (lambda text: None) if quiet else say
    if classes is not None and not variables:
        raise ConfigError("--classes only changes --variables", hint="odpipe models NAME --variables --classes 3")
    if augmentations:
        own = own_augmentations(read_preset(name or DEFAULT_MODEL))
        show(render_augmentations(AUGMENTATIONS, own=own, model=name or DEFAULT_MODEL))
        return {"augmentations": {key: row.about for key, row in AUGMENTATIONS.items()}, "own": own}
    if name is None:
        if variables:
            raise ConfigError("--variables needs a model", hint=f"odpipe models {DEFAULT_MODEL} --variables")
        listed = [preset.to_json() for preset in read_presets()]
        show(render_model_table(listed, default=DEFAULT_MODEL))
        return {"default": DEFAULT_MODEL, "models": listed}
    preset = read_preset(name)
    if not variables:
        shown = preset.to_json()
        show(render_model(shown))
        return shown
    if classes is not None and classes < 1:
        raise ConfigError(f"--classes is {classes}; wanted at least 1")
    shapes = find_variables(root, given, preset, classes=COCO_CLASSES if classes is None else classes)
    show(render_variables(shapes))
    return shapes


def own_augmentations(preset: Preset) -> list[str]:
    """Return how a preset varies images when it is not told otherwise; a step without a short name by the API's."""
    names = {row.step: name for name, row in AUGMENTATIONS.items()}
    options = preset.pipeline["train_config"].get("data_augmentation_options", [])
    return [names.get(step, step) for option in options for step in option]


def find_variables(root: Path, given: Mapping[str, Any], preset: Preset, *, classes: int) -> dict[str, list[int]]:
    """Build a preset's network where TensorFlow is and return {variable: shape}; there is no receipt."""
    backend = choose_backend(read_settings(root, given).backend, root)
    model, found = f"{RUN.jobs}/{preset.name}.preset.json", f"{RUN.jobs}/{preset.name}.variables.json"
    job = Job(
        command=(SCRIPT, "--model", "{model}", "--classes", str(classes), "--variables", "{variables}"),
        inputs={"model": Place(model)},
        outputs={"variables": Place(found)},
        always=True,
    )
    (root / RUN.jobs).mkdir(parents=True, exist_ok=True)
    (root / model).write_text(preset.model_dump_json(indent=1) + "\n", encoding="utf-8")
    spec = job.to_spec(stage=STAGE, image=IMAGE, run=RUN.name)
    write_json(spec_path(str(root), RUN.name, STAGE), spec)
    run_stage(backend, spec)
    shapes: dict[str, list[int]] = json.loads((root / found).read_text(encoding="utf-8"))
    return shapes
