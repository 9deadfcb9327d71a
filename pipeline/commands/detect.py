"""Detect objects in a folder of images, with a model of ours or with any frozen graph.

OUT/detection.csv    filename,width,height,class,score,xmin,ymin,xmax,ymax (pixels of the original)
OUT/detection.json   COCO results, with file names
OUT/annotated/       the images with their boxes drawn
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.backends import Backend, choose_backend
from pipeline.config import read_settings
from pipeline.errors import ConfigError, DataError, StageError
from pipeline.plan import Job, Place
from pipeline.planner import plan_trained
from pipeline.receipts import spec_path, write_json
from pipeline.report.screen import say
from pipeline.runner import DONE_WITH_ITEMS_LEFT_OUT, JobFailed, run_stage
from pipeline.workspace import Run

FOREIGN_RUN = "detection"  # where a graph that is no run of ours leaves its logs


@dataclass(frozen=True, slots=True)
class Graph:
    """A frozen graph and the label map that names its classes; absolute paths."""

    graph: Path
    labels: Path


def detect(
    root: Path,
    given: Mapping[str, Any],
    *,
    images: str,
    out: str | None = None,
    graph: str | None = None,
    labels: str | None = None,
) -> tuple[dict[str, Any], int]:
    """Detect, and write the results to `out`; return what was written and the exit code.

    Exit code 3 says that some images could not be read: each was named, the rest is done. Raises
    ConfigError or StageError when nothing can be done.
    """
    settings = read_settings(root, given)
    images_path = existing(root, images, what="images", variable="IMAGES")
    model: Graph | Path
    if graph is not None:
        if labels is None:
            raise ConfigError("GRAPH needs a label map that names its classes", hint="LABELS=label_map.pbtxt")
        model = Graph(
            existing(root, graph, what="frozen graph", variable="GRAPH"),
            existing(root, labels, what="label map", variable="LABELS"),
        )
        run = Run(given.get("name") or FOREIGN_RUN)
        target = root / (out or run.output)
    else:
        run = plan_trained(root, given).run
        model = find_model(root, run)
        target = root / (out or run.detection)
    target.mkdir(parents=True, exist_ok=True)
    backend = choose_backend(settings.backend, root)
    jobs = make_jobs(root, run, model, images=images_path, out=target.resolve(), threshold=settings.threshold)
    reads = [images_path, *([model.graph, model.labels] if isinstance(model, Graph) else [])]
    code = run_jobs(root, run, jobs, backend, reads=outside(root, reads), writes=outside(root, [target.resolve()]))
    shown = os.path.relpath(target, root) if target.is_relative_to(root) else str(target)
    say(f"detected: {shown}/detection.csv, detection.json and annotated/")
    return {"out": shown, "csv": f"{shown}/detection.csv", "json": f"{shown}/detection.json"}, code


def existing(root: Path, path: str, *, what: str, variable: str) -> Path:
    """Return the absolute path; raise ConfigError when nothing is there."""
    absolute = Path(os.path.abspath(root / path))
    if not absolute.exists():
        raise ConfigError(f"no {what} at {path}", hint=f"{variable}=path")
    return absolute


def find_model(root: Path, run: Run) -> Graph | Path:
    """Return the fastest exported model of a run: the TFLite folder, else the frozen graph."""
    if (root / run.tflite / "detect.tflite").is_file():
        return root / run.tflite
    frozen = root / run.frozen
    if (frozen / "frozen_inference_graph.pb").is_file():
        return Graph(frozen / "frozen_inference_graph.pb", frozen / "label_map.pbtxt")
    raise StageError(
        f"detect needs {run.tflite}/detect.tflite or {run.frozen}/frozen_inference_graph.pb",
        hint=f"make export NAME={run.name}",
    )


def is_volume(root: Path, path: Path) -> bool:
    """Whether a path lies in input/ or output/, which every backend sees under the same relative name."""
    return any(path.is_relative_to(root / volume) for volume in ("input", "output"))


def outside(root: Path, paths: Sequence[Path]) -> list[Path]:
    """Return the paths that a container does not see by itself."""
    return [path for path in paths if not is_volume(root, path)]


def place(root: Path, path: Path, *, merge: bool = False) -> Place:
    """Return a path as a job names it: relative to the root where every backend sees it."""
    return Place(str(path.relative_to(root) if is_volume(root, path) else path), merge=merge)


def make_jobs(
    root: Path, run: Run, model: Graph | Path, *, images: Path, out: Path, threshold: float
) -> dict[tuple[str, str], Job]:
    """Return {(stage, image): job}: one job for TFLite, two for a graph (TensorFlow detects, the other draws)."""
    results = {"out": place(root, out, merge=True)}
    flags = ("--images", "{images}", "--out", "{out}", "--threshold", str(threshold))
    if not isinstance(model, Graph):
        job = Job(
            command=("-m", "pipeline.jobs.detect_images", "--tflite-dir", "{tflite}", *flags),
            inputs={"tflite": place(root, model), "images": place(root, images)},
            outputs=results,
            always=True,
        )
        return {("detect", "pipeline"): job}
    detections = Place(f"{run.jobs}/detections.jsonl")
    script = "container_scripts/detect_graph.py"
    detecting = Job(
        command=(
            script, "--graph", "{graph}", "--labels", "{labels}", "--images", "{images}", "--detections", "{found}",
        ),
        inputs={"graph": place(root, model.graph), "labels": place(root, model.labels), "images": place(root, images)},
        outputs={"found": detections},
        always=True,
    )  # fmt: skip
    drawing = Job(
        command=("-m", "pipeline.jobs.draw_detections", "--detections", "{found}", "--labels", "{labels}", *flags),
        inputs={"found": detections, "labels": place(root, model.labels), "images": place(root, images)},
        outputs=results,
        always=True,
    )
    return {("detect_graph", "odapi"): detecting, ("detect", "pipeline"): drawing}


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
