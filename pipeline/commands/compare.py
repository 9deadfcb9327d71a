"""Set two runs side by side on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, StageError
from pipeline.report.screen import Progress, say
from pipeline.run_report.compare_page import (
    Pairs,
    are_comparable,
    choose_differing,
    find_map,
    render_comparison,
)
from pipeline.run_report.page import write_page
from pipeline.run_report.run_data import RunData, read_run_data
from pipeline.run_report.run_files import read_run_files
from pipeline.run_report.shown_images import read_shown_images
from pipeline.suggest import did_you_mean
from pipeline.workspace import Run, check_run_name


def compare(root: Path, first: str, second: str) -> dict[str, Any]:
    """Write output/compare-A-B.html; return the figures that it begins with.

    Raises ConfigError for a run that is not there, StageError for one that was not evaluated.
    """
    if first == second:
        raise ConfigError(f"both runs are {first}", hint="odpipe compare A B")
    names = [check_run(root, name) for name in (first, second)]
    with Progress("compare", total=2, unit="run") as progress:
        data = []
        for done, name in enumerate(names, 1):
            data.append(read_run(root, name))
            progress.update(done, name)
        ours, theirs = (one.scored for one in data)
        assert ours is not None and theirs is not None  # read_run has looked
        comparable = are_comparable(ours, theirs)
        pairs = read_pairs(root, data[0], data[1]) if comparable else []
    path = f"output/compare-{first}-{second}.html"
    write_page(root / path, render_comparison((data[0], data[1]), pairs, comparable=comparable))
    maps = [find_map(one) for one in data]
    if not comparable:
        say(f"warning: {first} and {second} were tried on different test images: their figures do not compare")
    say(f"compared: {path}; next: open it in a browser")
    return {"page": path, "comparable": comparable, "map": dict(zip(names, maps, strict=True))}


def check_run(root: Path, name: str) -> str:
    """Return the name of a run that is there; raise ConfigError that guesses another one."""
    check_run_name(name)
    if (root / Run(name).output).is_dir():
        return name
    found = sorted(path.parent.name for path in (root / "output").glob("*/train"))
    raise ConfigError(
        f"there is no run {name!r} in output/; found: {', '.join(found) or 'none'}", hint=did_you_mean(name, found)
    )


def read_run(root: Path, name: str) -> RunData:
    """Read a run with its figures; raise StageError where there are none."""
    run = Run(name)
    data = read_run_data(
        read_run_files(root / run.output, name), records_dir=root / run.records, tf_csv_dir=root / run.tf_csv
    )
    if data.scored is None:
        missing = f"{run.evaluation}/tensorflow/checkpoint.jsonl"
        if data.files.detections is not None:
            missing = f"{run.records}/test.record-*"
        raise StageError(f"{name} was not tried on test images: there is no {missing}", hint=run.how_to("evaluate"))
    return data


def read_pairs(root: Path, first: RunData, second: RunData) -> Pairs:
    """Read the images that both differ on most, as each run sees them."""
    assert first.scored is not None and second.scored is not None
    chosen = choose_differing(first.scored, second.scored)
    sides = []
    for data in (first, second):
        scored, detections = data.scored, data.files.detections
        assert scored is not None and detections is not None
        sides.append(
            read_shown_images(
                chosen,
                scored.matches,
                records_dir=root / Run(data.files.name).records,
                detections_file=detections,
                threshold=scored.figures.threshold,
            )
        )
    return [(sides[0][number], sides[1][number]) for number in chosen if number in sides[0] and number in sides[1]]
