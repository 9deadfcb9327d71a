"""Say why an artefact's mAP is below its checkpoint's: post-processing first, then the input, then layer by layer.

output/NAME/explain/drop.json, drop.html     what was found

Three jobs: the pipeline image runs the .tflite and keeps its tensors, the odapi image runs the checkpoint's graph and
compares them, the pipeline image judges. The tensors lie in output/NAME/.cache/explain until the last has ended.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.errors import ConfigError, StageError
from pipeline.plan import Job, Place, Plan
from pipeline.planner import plan_trained
from pipeline.receipts import spec_path, write_json
from pipeline.report.screen import say
from pipeline.runner import JobFailed, read_error, run_stage
from pipeline.stages import tflite
from pipeline.suggest import did_you_mean

FILES = {
    "tflite": ("detect.tflite", None),
    "tflite_regular_nms": ("detect.tflite", "regular"),
    "tflite_fast_nms": ("detect.tflite", "fast"),
    "edgetpu": ("detect.tflite", None),
    "tflite_float": ("detect_float.tflite", None),
}
"""The file of each artefact, and the suppression that it is run with instead of its own."""
OTHERS = ("frozen_graph", "saved_model", "tfjs", "tfjs_fast", "tfjs_chromium")
LAYER_IMAGES = 8


def explain_drop(
    root: Path, given: Mapping[str, Any], *, artefact: str, images: int, as_evaluated: bool = False
) -> dict[str, Any]:
    """Run the three jobs; return what drop.json holds.

    A file is looked at as it is shipped, or, `as_evaluated`, with regular suppression and 100 boxes, as its limit is.
    Raises ConfigError for an artefact that has no layers to look at, StageError for one that is not exported.
    """
    check_artefact(artefact)
    if images < 1:
        raise ConfigError(f"IMAGES is {images}; wanted at least 1", hint="IMAGES=100")
    plan = plan_trained(root, given)
    refusal = tflite.refusal(plan)
    if refusal:
        raise ConfigError(refusal, hint=f"make evaluate NAME={plan.run.name} compares what it has")
    file, nms = FILES[artefact]
    if as_evaluated and nms is None:
        nms = "regular"
    if not (root / plan.run.tflite / file).is_file():
        raise StageError(f"explain-drop needs {plan.run.tflite}/{file}", hint=f"make export NAME={plan.run.name}")
    backend = choose_backend(plan.settings.backend, root)
    if artefact == "edgetpu":
        say("the Edge TPU's own file cannot be looked into: this is the detect.tflite that it was compiled from")
    try:
        for (stage, image), job in make_jobs(plan, artefact, nms=nms, images=images).items():
            spec = job.to_spec(stage=stage, image=image, run=plan.run.name)
            write_json(spec_path(str(root), plan.run.name, stage), spec)
            try:
                run_stage(backend, spec)
            except JobFailed as failure:
                message, hint = read_error(root / plan.run.output / "logs" / f"{stage}.log")
                raise JobFailed(stage, failure.exit_code, message=message, hint=hint) from failure
    finally:
        shutil.rmtree(root / cache(plan), ignore_errors=True)
    folder = f"{plan.run.output}/explain"
    say(f"explained: {folder}/drop.html, drop.json; next: what it says to do, then make evaluate NAME={plan.run.name}")
    found: dict[str, Any] = json.loads((root / folder / "drop.json").read_text(encoding="utf-8"))
    return {**found, "page": f"{folder}/drop.html"}


def check_artefact(artefact: str) -> None:
    """Raise ConfigError for an artefact that is not known, or of which nothing more can be said than its score."""
    known = [*FILES, *OTHERS]
    if artefact not in known:
        raise ConfigError(
            f"unknown artefact {artefact!r}; known: {', '.join(sorted(FILES))}", hint=did_you_mean(artefact, known)
        )
    if artefact in OTHERS:
        raise ConfigError(
            f"{artefact} has no layers that could be compared: only TFLite files keep theirs",
            hint="ARTEFACT=tflite; make evaluate says what the others lose",
        )


def cache(plan: Plan) -> str:
    """Return the folder of the tensors, relative to the root."""
    return f"{plan.run.output}/.cache/explain"


def make_jobs(plan: Plan, artefact: str, *, nms: str | None, images: int) -> dict[tuple[str, str], Job]:
    """Return {(stage, image): job} in the order in which they run."""
    run = plan.run
    file = FILES[artefact][0]
    records = Place(run.records, ("test.record-*", "label_map.pbtxt"))
    frozen = Place(run.frozen)
    seen, compared = Place(f"{cache(plan)}/artefact"), Place(f"{cache(plan)}/reference")
    hints = {"records": run.how_to("train"), "frozen": run.how_to("freeze")}
    looking = Job(
        command=(
            "-m", "pipeline.jobs.explain_artefact", "--records-dir", "{records}", "--model", "{model}",
            "--frozen-dir", "{frozen}", "--images", str(images), "--layer-images", str(LAYER_IMAGES), "--out", "{seen}",
            *(("--nms", nms) if nms else ()),
        ),
        inputs={"records": records, "frozen": frozen, "model": Place(f"{run.tflite}/{file}")},
        outputs={"seen": seen},
        hints={**hints, "model": run.how_to("export")},
        always=True,
    )  # fmt: skip
    comparing = Job(
        command=(
            "container_scripts/explain_tensors.py", "--records-dir", "{records}", "--frozen-dir", "{frozen}",
            "--artefact", "{seen}", "--out", "{compared}",
        ),
        inputs={"records": records, "frozen": frozen, "seen": seen},
        outputs={"compared": compared},
        hints=hints,
        always=True,
    )  # fmt: skip
    judging = Job(
        command=(
            "-m", "pipeline.jobs.explain_drop", "--name", run.name, "--artefact", artefact,
            "--records-dir", "{records}", "--artefact-dir", "{seen}", "--reference-dir", "{compared}",
            "--evaluation-dir", run.evaluation, "--out", "{out}",
        ),
        inputs={"records": records, "seen": seen, "compared": compared},
        outputs={"out": Place(f"{run.output}/explain")},
        hints=hints,
        always=True,
    )  # fmt: skip
    return {
        ("explain_artefact", "pipeline"): looking,
        ("explain_tensors", "odapi"): comparing,
        ("explain_drop", "pipeline"): judging,
    }
