"""Say why an artefact's mAP is below its checkpoint's: post-processing first, then the input, then layer by layer.

output/NAME/explain/drop.json, drop.html     what was found

Three jobs: the pipeline image runs the .tflite, the tfjs image a TensorFlow.js build, or the odapi image the frozen
graph or the SavedModel, and keeps its tensors; the odapi image runs the checkpoint's graph and compares them; the
pipeline image judges. The tensors lie in output/NAME/.cache/explain until the last has ended.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.errors import ConfigError, StageError
from pipeline.explain.artefacts import KNOWN, LookedAt
from pipeline.plan import Job, Place, Plan
from pipeline.planner import plan_trained
from pipeline.receipts import spec_path, write_json
from pipeline.report.screen import say
from pipeline.runner import JobFailed, read_error, run_stage
from pipeline.stages import evaluate_chromium, tflite
from pipeline.stages.train import CHECKPOINT_FILES
from pipeline.suggest import did_you_mean

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
    looked_at = KNOWN[artefact]
    refusal = find_refusal(plan, looked_at)
    if refusal:
        raise ConfigError(refusal, hint=f"make evaluate NAME={plan.run.name} compares what it has")
    if as_evaluated and looked_at.kind == "tflite" and looked_at.nms is None:
        looked_at = replace(looked_at, nms="regular")
    check_is_there(root, plan, looked_at)
    backend = choose_backend(plan.settings.backend, root)
    if looked_at.word:
        say(looked_at.word)
    try:
        for (stage, image), job in make_jobs(plan, artefact, looked_at, images=images).items():
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
    """Raise ConfigError for an artefact that is not known."""
    if artefact not in KNOWN:
        raise ConfigError(
            f"unknown artefact {artefact!r}; known: {', '.join(sorted(KNOWN))}", hint=did_you_mean(artefact, [*KNOWN])
        )


def find_refusal(plan: Plan, looked_at: LookedAt) -> str | None:
    """Say why a model of this kind has no such artefact, or none that could be looked into; None where it has."""
    if looked_at.kind == "tflite":
        return tflite.refusal(plan)
    if looked_at.kind == "graph":
        return None
    if not looked_at.is_plain:
        return evaluate_chromium.refusal(plan)
    if plan.architecture == "ssd":
        return None
    return (
        f"{plan.model_name} is no SSD: its second network sees what the first one has chosen of the image, so that "
        "one box chosen otherwise is another value in every layer after it"
    )


def check_is_there(root: Path, plan: Plan, looked_at: LookedAt) -> None:
    """Raise StageError for what was not exported; an SSD that detector.js cannot feed has the plain build only."""
    folder = {"tflite": plan.run.tflite, "tfjs": plan.run.tfjs, "graph": plan.run.frozen}[looked_at.kind]
    path = f"{folder}/{looked_at.file}"
    if (root / path).is_file():
        return
    if looked_at.kind == "tfjs" and (root / plan.run.tfjs / "model.json").is_file():
        raise StageError(
            f"{plan.run.tfjs} has no fast build",
            hint=f"ARTEFACT=tfjs looks into the plain one; {plan.run.output}/logs/tfjs.log says why there is no other",
        )
    raise StageError(f"explain-drop needs {path}", hint=f"make export NAME={plan.run.name}")


def cache(plan: Plan) -> str:
    """Return the folder of the tensors, relative to the root."""
    return f"{plan.run.output}/.cache/explain"


def make_jobs(plan: Plan, artefact: str, looked_at: LookedAt, *, images: int) -> dict[tuple[str, str], Job]:
    """Return {(stage, image): job} in the order in which they run."""
    run = plan.run
    records = Place(run.records, ("test.record-*", "label_map.pbtxt"))
    frozen = Place(run.frozen)
    seen, compared = Place(f"{cache(plan)}/artefact"), Place(f"{cache(plan)}/reference")
    hints = {"records": run.how_to("train"), "frozen": run.how_to("freeze")}
    of_images = ("--images", str(images), "--layer-images", str(LAYER_IMAGES), "--out", "{seen}")
    looking_at_tflite = Job(
        command=(
            "-m", "pipeline.jobs.explain_artefact", "--records-dir", "{records}", "--model", "{model}", *of_images,
            *(("--nms", looked_at.nms) if looked_at.nms else ()),
        ),
        inputs={"records": records, "model": Place(f"{run.tflite}/{looked_at.file}")},
        outputs={"seen": seen},
        hints={**hints, "model": run.how_to("export")},
        always=True,
    )  # fmt: skip
    looking_at_tfjs = Job(
        command=(
            "container_scripts/explain_tfjs.mjs", "--build", "plain" if looked_at.is_plain else "fast",
            "--records-dir", "{records}", "--tfjs-dir", "{tfjs}", *of_images,
        ),
        inputs={"records": records, "tfjs": Place(run.tfjs)},
        outputs={"seen": seen},
        hints={**hints, "tfjs": run.how_to("export")},
        always=True,
    )  # fmt: skip
    looking_at_graph = Job(
        command=(
            "container_scripts/explain_graph.py", "--records-dir", "{records}", "--frozen-dir", "{frozen}",
            "--graph", looked_at.file.split("/")[0], *of_images,
        ),
        inputs={"records": records, "frozen": frozen},
        outputs={"seen": seen},
        hints=hints,
        always=True,
    )  # fmt: skip
    is_graph = looked_at.kind == "graph"
    comparing = Job(
        command=(
            "container_scripts/explain_tensors.py", "--records-dir", "{records}", "--frozen-dir", "{frozen}",
            "--artefact", "{seen}", "--out", "{compared}", *(("--train-dir", "{train}") if is_graph else ()),
        ),
        inputs={
            "records": records, "frozen": frozen, "seen": seen,
            # What is frozen cannot be its own reference
            **({"train": Place(run.train, CHECKPOINT_FILES)} if is_graph else {}),
        },
        outputs={"compared": compared},
        hints={**hints, "train": run.how_to("train")},
        always=True,
    )  # fmt: skip
    judging = Job(
        command=(
            "-m", "pipeline.jobs.explain_drop", "--name", run.name, "--artefact", artefact,
            "--records-dir", "{records}", "--artefact-dir", "{seen}", "--reference-dir", "{compared}",
            "--frozen-dir", "{frozen}", "--evaluation-dir", run.evaluation, "--out", "{out}",
        ),
        inputs={"records": records, "frozen": frozen, "seen": seen, "compared": compared},
        outputs={"out": Place(f"{run.output}/explain")},
        hints=hints,
        always=True,
    )  # fmt: skip
    looking = {
        "tflite": (("explain_artefact", "pipeline"), looking_at_tflite),
        "tfjs": (("explain_tfjs", "tfjs"), looking_at_tfjs),
        "graph": (("explain_graph", "odapi"), looking_at_graph),
    }
    return dict([looking[looked_at.kind]]) | {
        ("explain_tensors", "odapi"): comparing,
        ("explain_drop", "pipeline"): judging,
    }
