"""Detect objects in images and videos, with any form of a model of ours or with one by anybody.

OUT/detection.csv    filename,width,height,class,score,xmin,ymin,xmax,ymax (pixels of the original)
OUT/detection.json   COCO results, with file names
OUT/annotated/       the images and videos with their boxes drawn
OUT/voc/, OUT/yolo/  if asked for: the same as a dataset, to be corrected and trained on
OUT/.detecting/      while it runs: what an interrupted detection goes on from
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.backends import Backend, choose_backend
from pipeline.commands.detect_model import Model, find_model, read_model
from pipeline.commands.outside import is_volume, outside, place, shown
from pipeline.config import Settings, read_settings
from pipeline.detecting.inputs import Inputs, find_inputs
from pipeline.detecting.journal import WORK
from pipeline.detecting.labelled_output import LABEL_FILES
from pipeline.detecting.selection import Selection, parse_thresholds
from pipeline.detecting.tiles import parse_grid
from pipeline.detections.image_folder import is_video
from pipeline.errors import ConfigError, DataError
from pipeline.plan import Job, Place
from pipeline.planner import plan_trained
from pipeline.receipts import spec_path, write_json
from pipeline.report.screen import say
from pipeline.runner import DONE_WITH_ITEMS_LEFT_OUT, JobFailed, run_stage
from pipeline.workspace import Run

FOREIGN_RUN = "detection"  # where a model that is no run of ours leaves its logs


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for beside the model and the images; `save` names kinds of label files."""

    class_thresholds: Sequence[str] = ()
    most: int = 100
    nms_iou: float | None = None
    tiles: str | None = None
    every: int = 1
    save: Sequence[str] = ()
    annotate: bool = True


def detect(
    root: Path,
    given: Mapping[str, Any],
    *,
    images: Sequence[str],
    out: str | None = None,
    graph: str | None = None,
    labels: str | None = None,
    artefact: str | None = None,
    options: Options | None = None,
) -> tuple[dict[str, Any], int]:
    """Detect, and write the results to `out`; return what was written and the exit code.

    Exit code 3 says that some images could not be read: each was named, the rest is done. Raises
    ConfigError, DataError or StageError when nothing can be done.
    """
    settings = read_settings(root, given)
    options = options or Options()
    if graph is not None and artefact is not None:
        raise ConfigError("ARTEFACT is a form of a run's model, GRAPH a model by itself; wanted one of them")
    run = plan_trained(root, given).run if graph is None else Run(given.get("name") or FOREIGN_RUN)
    target = Path(os.path.abspath(root / (out or (run.detection if graph is None else run.output))))
    inputs = find_inputs(root, images, skip=target)
    model = find_model(root, run, artefact) if graph is None else read_model(root, graph, labels)
    selection = check(options, settings, model)
    check_target(root, target, options)
    backend = choose_backend(settings.backend, root)
    if not is_volume(root, target):  # there the job makes it, as the owner of output/; elsewhere it is mounted
        target.mkdir(parents=True, exist_ok=True)
    write_json(str(root / run.jobs / "images.json"), inputs.names)
    write_json(str(root / run.jobs / "labels.json"), {str(number): name for number, name in model.class_names.items()})
    jobs = make_jobs(root, run, model, inputs, target, selection, options)
    videos = sum(map(is_video, inputs.names))
    say(f"detect  {describe(len(inputs.names) - videos, videos)} with {model.artefact}")
    code = run_jobs(
        root, run, jobs, backend, reads=outside(root, [inputs.folder, model.path]), writes=outside(root, [target])
    )
    shutil.rmtree(target / WORK, ignore_errors=True)
    return tell(root, target, model, options), code


def check(options: Options, settings: Settings, model: Model) -> Selection:
    """Return which detections are shown; raises ConfigError for options that make no sense, before the work."""
    if options.tiles is not None:
        try:
            parse_grid(options.tiles)
        except ValueError as error:
            raise ConfigError(str(error), hint="TILES=2x2") from error
    if options.every < 1:
        raise ConfigError(f"every is {options.every}; wanted 1 or more", hint="EVERY=10 takes each tenth frame")
    if not 1 <= options.most <= 1000:
        raise ConfigError(f"max is {options.most}; wanted 1 to 1000 boxes an image", hint="MAX=100")
    if options.nms_iou is not None and not 0 < options.nms_iou <= 1:
        raise ConfigError(
            f"nms is {options.nms_iou:g}; wanted an overlap above 0 and at most 1",
            hint="NMS=0.4: of two boxes of a class that overlap by more than 0.4, the better one stays",
        )
    unknown = [kind for kind in options.save if kind not in LABEL_FILES]
    if unknown:
        raise ConfigError(f"save is {unknown[0]!r}; wanted {' or '.join(LABEL_FILES)}", hint="SAVE=voc")
    by_class = parse_thresholds(options.class_thresholds, model.class_names)
    return Selection(settings.threshold, by_class, options.nms_iou, options.most)


def check_target(root: Path, target: Path, options: Options) -> None:
    """Refuse to write where a file is in the way, or over label files that somebody may have corrected."""
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{shown(root, target)} is a file; wanted a folder to write", hint="OUT=folder")
    for kind in options.save:
        if (target / kind).exists() and not (target / WORK).exists():
            raise DataError(
                f"{shown(root, target / kind)} is there already, and may hold what somebody corrected",
                hint="OUT=another folder, or move that one away",
            )


def make_jobs(
    root: Path, run: Run, model: Model, inputs: Inputs, out: Path, selection: Selection, options: Options
) -> dict[tuple[str, str], Job]:
    """Return {(stage, image): job}, in order.

    TFLite detects and shows in one. Of any other runtime, one job detects, after one that takes frames out of videos
    for it, and the last shows what was found.
    """
    pictures = {"images": place(root, inputs.folder), "list": Place(f"{run.jobs}/images.json")}
    where = ("--images", "{images}", "--list", "{list}")
    every = ("--every", str(options.every))
    tiles = ("--tiles", options.tiles) if options.tiles else ()
    writes = {"out": place(root, out, shared=True)}
    work = {"work": place(root, out / WORK, shared=True)}
    jobs: dict[tuple[str, str], Job] = {}

    def add(
        stage: str, image: str, command: Sequence[str], reads: Mapping[str, Place], outputs: Mapping[str, Place]
    ) -> None:
        jobs[stage, image] = Job(command=tuple(command), inputs=dict(reads), outputs=dict(outputs), always=True)

    source: tuple[str, ...]
    if model.kind == "tflite":
        source, reads = ("--model", "{model}", *tiles), {"model": place(root, model.path)}
    else:
        source, reads = ("--found", f"{{out}}/{WORK}/found.jsonl"), {}
        if any(map(is_video, inputs.names)):
            module = ("-m", "pipeline.jobs.extract_frames")
            add("extract_frames", "pipeline", (*module, *where, *every, "--frames", "{work}/frames"), pictures, work)
        found = (*where, "--frames", "{work}/frames", "--found", "{work}/found.jsonl", *tiles)
        found += ("--least-score", str(selection.least_score))
        stage, image, command, of_model = runtime(root, model)
        add(stage, image, (*command, *found), {**pictures, **of_model}, work)
    flags = [*where, *every, "--labels", "{labels}", "--out", "{out}", "--threshold", str(selection.threshold)]
    flags += ["--max", str(selection.most)]
    flags += [word for text in options.class_thresholds for word in ("--class-threshold", text)]
    flags += ["--nms", str(selection.nms_iou)] if selection.nms_iou is not None else []
    flags += [word for kind in options.save for word in ("--save", kind)]
    flags += [] if options.annotate else ["--no-annotated"]
    reads = {**pictures, **reads, "labels": Place(f"{run.jobs}/labels.json")}
    add("detect", "pipeline", ("-m", "pipeline.jobs.detect_images", *source, *flags), reads, writes)
    return jobs


def runtime(root: Path, model: Model) -> tuple[str, str, tuple[str, ...], dict[str, Place]]:
    """Return the stage, the image, the command and the inputs that run a model which is no TFLite file."""
    reads = {"model": place(root, model.path)}
    if model.kind == "tfjs":
        build = ("--tfjs-dir", "{model}", "--build", model.build)
        return "detect_tfjs", "tfjs", ("container_scripts/detect_tfjs_images.py", *build), reads
    flags: tuple[str, ...] = ("--graph", "{model}")
    if model.frozen is not None:
        flags = (*flags, "--frozen-dir", "{frozen}")
        reads["frozen"] = place(root, model.frozen)
    return "detect_graph", "odapi", ("container_scripts/detect_graph.py", *flags), reads


def run_jobs(
    root: Path,
    run: Run,
    jobs: Mapping[tuple[str, str], Job],
    backend: Backend,
    *,
    reads: Sequence[Path],
    writes: Sequence[Path],
) -> int:
    """Run the jobs in order; return 0, or 3 when images were left out."""
    code = 0
    for (stage, image), job in jobs.items():
        spec = job.to_spec(stage=stage, image=image, run=run.name)
        write_json(spec_path(str(root), run.name, stage), spec)
        try:
            run_stage(backend, spec, reads=reads, writes=writes)
        except JobFailed as failure:
            if failure.exit_code != DONE_WITH_ITEMS_LEFT_OUT:
                raise
            code = DataError.exit_code
    return code


def tell(root: Path, target: Path, model: Model, options: Options) -> dict[str, Any]:
    """Say where the results are and what to do next; return the same for programs."""
    folder = shown(root, target)
    drawn = " and annotated/" if options.annotate else ""
    say(f"detected: {folder}/detection.csv, detection.json{drawn}")
    for kind in options.save:
        opened = f"{folder}/yolo/images {folder}/yolo/labels/classes.txt {folder}/yolo/labels"
        say(f"to correct them: labelImg {opened if kind == 'yolo' else f'{folder}/{kind}'}")
        say(f"then, to train on them: make train DATASET={folder}/{kind} NAME=...")
    files = {"csv": f"{folder}/detection.csv", "json": f"{folder}/detection.json"}
    return {"out": folder, "artefact": model.artefact, **files, **{kind: f"{folder}/{kind}" for kind in options.save}}


def describe(images: int, videos: int) -> str:
    """Return "12 images and 1 video"."""
    counts = [(images, "image"), (videos, "video")]
    return " and ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
