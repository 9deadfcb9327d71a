"""All that a report is made from: a run's files, and its figures worked out of the test images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.datasets.model import Image, count_boxes
from pipeline.datasets.tf_csv import read_csv
from pipeline.errors import ConfigError
from pipeline.models import Preset, read_preset
from pipeline.models.input_size import Unknown, read_input_size
from pipeline.report.box_counts import BoxCounts, count_for_charts
from pipeline.run_report.advice import Advice, Known, advise_on_detections, limit, say_training
from pipeline.run_report.error_costs import ErrorCosts, measure_costs
from pipeline.run_report.figures import Figures, choose_threshold, measure_figures
from pipeline.run_report.matches import Matches, match_detections
from pipeline.run_report.matching import Numbers
from pipeline.run_report.run_files import RunFiles
from pipeline.run_report.training_advice import advise_on_files, advise_on_training


@dataclass(frozen=True, slots=True)
class Scored:
    """What the test images say of the model."""

    matches: Matches
    figures: Figures
    costs: ErrorCosts


@dataclass(frozen=True, slots=True)
class RunData:
    """One run. `scored` is None where nothing was evaluated, `counts` where the dataset's tables are gone."""

    files: RunFiles
    preset: Preset | None = None
    images: dict[str, int] = field(default_factory=dict)
    counts: BoxCounts | None = None
    train_boxes: Counter[str] = field(default_factory=Counter)
    scored: Scored | None = None
    advice: tuple[Advice, ...] = ()


def read_run_data(
    files: RunFiles,
    *,
    records_dir: Path,
    tf_csv_dir: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> RunData:
    """Read and work out everything. Raises DataError for records or detections that are broken."""
    preset = find_preset(files)
    images: dict[str, list[Image]] = {}
    for part in ("train", "test"):
        path = tf_csv_dir / f"{part}.csv" if tf_csv_dir else None
        if path is not None and path.is_file():
            images[part] = read_csv(path, path.parent / "images" / part)
    sizes = {image.name: (image.width, image.height) for image in images.get("test", ())}
    scored = _score(files, records_dir, sizes, preset, progress)
    train_boxes = count_boxes(images.get("train", ()))
    return RunData(
        files=files,
        preset=preset,
        images={part: len(found) for part, found in images.items()},
        counts=count_for_charts(image for found in images.values() for image in found) if images else None,
        train_boxes=train_boxes,
        scored=scored,
        advice=tuple(_advise(files, scored, train_boxes, preset)),
    )


def find_preset(files: RunFiles) -> Preset | None:
    """Return the preset that was trained; None for a pipeline.config of the user's own, of which it says nothing."""
    if files.settings.get("config") or not files.settings.get("model"):
        return None
    try:
        return read_preset(str(files.settings["model"]))
    except ConfigError:
        return None


def _score(
    files: RunFiles,
    records_dir: Path,
    sizes: dict[str, tuple[int, int]],
    preset: Preset | None,
    progress: Callable[[int], None],
) -> Scored | None:
    if files.detections is None or not any(records_dir.glob("test.record-*")):
        return None
    matches = match_detections(records_dir, files.detections, sizes_px=sizes, progress=progress)
    figures = measure_figures(
        matches, threshold=choose_threshold(matches), input_sides=find_input_sides(matches, preset)
    )
    return Scored(matches, figures, measure_costs(matches))


def find_input_sides(matches: Matches, preset: Preset | None) -> tuple[Numbers, Numbers] | None:
    """Return the widths and heights of the labels in pixels of the model's input; None where that is not known."""
    size = read_input_size(preset.pipeline, batch=preset.batch) if preset is not None else None
    if size is None or isinstance(size, Unknown):
        return None
    images = np.array(matches.sizes_px, dtype=np.float64).reshape(-1, 2)[matches.labels.images]
    wide, high = size.scale(images[:, 0], images[:, 1])
    return matches.labels.widths_norm * wide, matches.labels.heights_norm * high


def _advise(files: RunFiles, scored: Scored | None, train_boxes: Counter[str], preset: Preset | None) -> list[Advice]:
    settings = {"name": files.name, **files.settings}
    steps = int(settings.get("steps") or 0)
    found = [
        *advise_on_files(files.metrics, name=files.name, has_drop=files.drop is not None),
        *advise_on_training(files.log, steps=steps, train=partial(say_training, settings)),
    ]
    if scored is not None:
        sides = find_input_sides(scored.matches, preset)
        known = Known(scored.matches, scored.figures, scored.costs, settings, train_boxes, sides)
        found += advise_on_detections(known)
    return limit(found)
