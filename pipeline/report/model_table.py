"""The list of presets, and one preset in full: what `make models` shows."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.augmentations import Augmentation

WIDTH = 120
EXPORTS = {"tflite": "TFLite", "edgetpu": "Edge TPU", "tfjs": "TF.js"}
ROW = "{name:<37}  {input:>8}  {params:>6}  {map:>4}  {latency:<31}  {exports}"


def render_model_table(models: Sequence[Mapping[str, Any]], *, default: str) -> str:
    """Render the presets as text of at most 120 columns: two lines each, figures and hardware.

    Each model is as `Preset.to_json` gives it. Under the table stand the sources of what was published.
    """
    titles = {"name": "model", "input": "input", "params": "params", "map": "mAP"}
    lines = [ROW.format(**titles, latency="an image takes", exports="exports to").rstrip()]
    for model in models:
        name = f"{model['name']} (default)" if model["name"] == default else model["name"]
        lines.append(ROW.format(**_figures(model) | {"name": name}).rstrip())
        lines += _wrap(model["hardware"], indent="    ")
    lines.append("mAP on COCO in percent and milliseconds as published by the makers; '-' where they say nothing:")
    sources = dict.fromkeys(model["published"]["source"] for model in models if model["published"])
    return "\n".join([*lines, *(f"  {source}" for source in sources)])


def render_model(model: Mapping[str, Any]) -> str:
    """Render one preset in full: what it is, its other names, its figures and their source."""
    figures = _figures(model)
    facts = {
        "input": f"{figures['input']} pixels (height x width)",
        "parameters": f"{model['parameters']:,} at 90 classes" if model["parameters"] else "-",
        "published": "-",
        "exports to": figures["exports"],
        "hardware": model["hardware"],
        "defaults": f"{model['steps']} steps, {model['batch']} {'image' if model['batch'] == 1 else 'images'} a step",
        "weights": model["zoo_url"] or "none published",
        "also called": ", ".join(model["aliases"]) or "-",
    }
    if model["published"]:
        facts["published"] = f"mAP {figures['map']} on COCO, {figures['latency']}; {model['published']['source']}"
    lines = [model["name"], *_wrap(model["summary"], indent="  ")]
    for title, text in facts.items():
        first, *rest = _wrap(text, indent=" " * 15)
        lines += [f"  {title:<11}  {first.lstrip()}", *rest]
    return "\n".join(lines)


def render_variables(variables: Mapping[str, Sequence[int]]) -> str:
    """Render {variable: shape} as one line each, and their number."""
    longest = max((len(name) for name in variables), default=0)
    lines = [f"{name:<{longest}}  {'x'.join(map(str, shape)) or 'scalar'}" for name, shape in variables.items()]
    return "\n".join([*lines, f"{len(variables)} variables"])


def render_augmentations(augmentations: Mapping[str, Augmentation], *, own: Sequence[str], model: str) -> str:
    """Render the short names of augmentations, a line each; those marked are a model's own."""
    rows = [
        f"{'*' if name in own else ' '} {name:<12}  {augmentation.about} ({augmentation.step})"
        for name, augmentation in augmentations.items()
    ]
    return "\n".join([*rows, f"* what {model} does unless told otherwise; AUGMENT=flip,color does that instead"])


def _figures(model: Mapping[str, Any]) -> dict[str, str]:
    published = model["published"]
    return {
        "input": f"{model['input_height']}x{model['input_width']}",
        "params": f"{model['parameters'] / 1e6:.1f}M" if model["parameters"] else "-",
        "map": f"{published['coco_map']:g}" if published else "-",
        "latency": f"{published['latency_ms']:g} ms on {published['latency_on']}" if published else "-",
        "exports": ", ".join(EXPORTS[export] for export in model["exports"]),
    }


def _wrap(text: str, *, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
