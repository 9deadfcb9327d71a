"""Check a dataset of any known format: read it, decode every image, split it, and say all that is odd.

    python -m pipeline.jobs.check --dataset input/supervisely --check-file check.json --page dataset.html

It ends well when it could look, whatever it found; with exit code 3 when nothing could be read at all. check.json
(see pipeline/checks/check_file.py) is what the dataset job goes by, the page is for people.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from pipeline.archives.unpack import opened_dataset
from pipeline.checks.check_file import make_check, rename_root, write_check
from pipeline.checks.duplicates import find_repeated, find_similar
from pipeline.checks.inspected_images import InspectedImages, KnownImages, read_known
from pipeline.checks.inspection import lying_suffix
from pipeline.checks.inspectors import Inspectors, inspect_images, open_inspectors
from pipeline.checks.review import file_key, leave_out, place_of, review
from pipeline.core_count import count_cores
from pipeline.datasets.files.disk import explaining_full_disk, written_aside
from pipeline.datasets.formats.registry import AUTO, FORMATS, check_format_name, identify_format, read_dataset
from pipeline.datasets.images.ahead import Ahead
from pipeline.datasets.images.known import knowing
from pipeline.datasets.model import Dataset, Image
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split, split_images
from pipeline.errors import ConfigError, DataError, PipelineError
from pipeline.jobs import run
from pipeline.jobs.dataset import add_dataset_flags, naming_dataset
from pipeline.models import Preset
from pipeline.models.visibility import measure_visibility
from pipeline.report.check_summary import format_summary, format_verdict
from pipeline.report.dataset_page import write_dataset_page
from pipeline.report.screen import Progress, say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, look, write check.json and the page, and show a summary."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.check", description=__doc__.splitlines()[0])
    add_dataset_flags(parser, dataset=None, can_skip=False)
    parser.add_argument("--check-file", type=Path, required=True, help="check.json, to write")
    parser.add_argument("--page", type=Path, required=True, help="dataset.html, to write")
    parser.add_argument("--model", type=Path, help="a preset as JSON: the page shows what it can see")
    parser.add_argument("--cache", type=Path, help="file to keep what was found in each image; may be deleted")
    parser.add_argument("--page-name", help="what people call the page, where it is written aside")
    parser.add_argument("--name", default="", help="the run's name, for what to do next")
    parser.add_argument("--workers", type=int, default=count_cores(), help="processes (default: one a core)")
    flags = parser.parse_args(arguments)
    check_format_name(flags.format)
    if flags.workers < 1:
        raise ConfigError(f"--workers is {flags.workers}; wanted 1 or more")
    preset = read_model(flags.model) if flags.model else None
    with (
        open_inspectors(flags.workers) as inspectors,
        naming_dataset(flags.dataset, flags.shown_as),
        opened_dataset(flags.dataset, beside=flags.check_file) as root,
        naming_dataset(root, flags.shown_as),
    ):
        check_dataset(flags, root, inspectors, preset)


def check_dataset(flags: argparse.Namespace, root: Path, inspectors: Inspectors, preset: Preset | None) -> None:
    """Look at the dataset in the folder `root` and write what was found, as the flags say."""
    shown = flags.shown_as or str(flags.dataset)
    known = read_known(flags.cache, root)
    with knowing(*([known] if len(known) else [])):
        dataset, problems = read_all(root, flags.format, inspectors.to_ahead())
    results = inspect(dataset, inspectors, problems, cache_file=flags.cache, known=known)
    del known
    unusable = [image for image, one in zip(dataset.images, results, strict=True) if one.kind]
    files = [file_key(image, dataset.root) for image in unusable]
    places = {image.name: place for place, image in enumerate(dataset.images)}
    dataset = leave_out(dataset, set(files), problems)
    split, how = divide(dataset, flags)
    if split is not None:
        note_shared(split, places, results, problems)
    rename_root(problems, root=str(root), shown=shown)
    check = make_check(
        dataset, split, problems, unusable_files=files, unusable_names=[image.name for image in unusable]
    )
    page = flags.page_name or str(flags.page)
    with written_aside(flags.check_file) as file, explaining_full_disk(flags.check_file, 0):
        write_check(file, check)
        write_dataset_page(
            flags.page,
            dataset=replace(dataset, root=Path(shown)),
            split=split,
            summary=check.to_public(),
            problems=problems,
            visibility=measure_visibility(dataset.images, preset) if preset is not None else None,
            name=flags.name,
        )
    for line in [*format_summary(check, dataset=shown), how, format_verdict(check, page=page)]:
        say(line)


def read_model(path: Path) -> Preset:
    """Read the preset that the planner wrote. Raises ConfigError where it is none."""
    try:
        return Preset.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"no model at {path}: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: not a model: {error.errors()[0]['msg']}") from error


def read_all(root: Path, format_name: str, ahead: Ahead | None = None) -> tuple[Dataset, Problems]:
    """Read and review. A dataset without a good image or box is no error here, if what was refused says why."""
    problems = Problems(keep_going=True)
    try:
        dataset = read_dataset(root, format_name=format_name, problems=problems, ahead=ahead)
    except DataError:
        if not problems.refused:
            raise
        problems = Problems(keep_going=True)
        name = identify_format(root) if format_name == AUTO else format_name
        dataset = FORMATS[name].read(root, problems)
    return review(dataset, problems), problems


def inspect(
    dataset: Dataset,
    inspectors: Inspectors,
    problems: Problems,
    *,
    cache_file: Path | None = None,
    known: KnownImages | None = None,
) -> InspectedImages:
    """Decode every image, refuse what does not decode, and note names that say another format."""
    with Progress("check", total=len(dataset.images)) as progress:
        results = inspect_images(
            dataset.images, dataset.root, inspectors, cache_file=cache_file, known=known, progress=progress.update
        )
    for image, one in zip(dataset.images, results, strict=True):
        if one.kind:
            problems.refuse(
                one.kind, f"{place_of(image)}: {one.reason}", hint="repair or remove it", boxes=len(image.boxes)
            )
        elif image.embedded is None and (suffix := lying_suffix(image.path.name, one.format)):
            problems.note("image_extension_lies", f"{place_of(image)}: {one.format}, not {suffix}")
    return results


def divide(dataset: Dataset, flags: argparse.Namespace) -> tuple[Split | None, str]:
    """Split the usable images as the training will, and say how; None where that cannot be done, and why."""
    try:
        split = split_images(
            dataset.images,
            test_fraction=flags.test_fraction,
            seed=flags.seed,
            group_by=flags.group_by,
            root=dataset.root,
        )
    except ConfigError:
        raise
    except PipelineError as error:
        return None, str(error)
    return split, f"split {split.how}"


def note_shared(split: Split, places: dict[str, int], found: InspectedImages, problems: Problems) -> None:
    """Note the test images that are in train too, and those that are nearly. `places` are the names' in `found`."""
    train, test = split.train, split.test
    repeated = find_repeated(
        (found.digest(places[image.name]) for image in train), (found.digest(places[image.name]) for image in test)
    )
    for index, partner in repeated:
        problems.note("split_repeated", _pair(test[index], train[partner], "the same as"))
    said = {index for index, _ in repeated}
    looks = [None if index in said else found.look(places[image.name]) for index, image in enumerate(test)]
    for index, partner in find_similar([found.look(places[image.name]) for image in train], looks):
        problems.note("split_similar", _pair(test[index], train[partner], "nearly the same as"))


def _pair(image: Image, other: Image, how: str) -> str:
    return f"test image {place_of(image)} is {how} train image {place_of(other)}"


if __name__ == "__main__":
    run(main)
