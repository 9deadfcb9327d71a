"""Bring the weights that a training begins with into the cache; the one stage that may use a network."""

from __future__ import annotations

from pathlib import Path

from pipeline.plan import Job, Place, Plan
from pipeline.pretrained.source import Source, find_source
from pipeline.workspace import find_root

NAME = "pretrained"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/pretrained.py"


def job(plan: Plan) -> Job:
    source = source_of(plan)
    if source is None:
        return Job(command=(), inputs={}, outputs={}, skip=why_none(plan))
    model = ("--model", plan.preset.name) if source.kind == "zoo" else ()
    setting = "zoo" if source.kind == "zoo" else source.location
    return Job(
        command=("-m", "pipeline.jobs.pretrained", *model, "--pretrained", setting, "--weights-dir", "{weights}"),
        inputs=given_files(source),
        outputs={"weights": Place(source.weights, shared=True)},
        settings={"pretrained": source.label},
        until=f"{plan.run.train}/checkpoint",
        reads=(source.location,) if source.kind == "path" else (),
    )


def source_of(plan: Plan) -> Source | None:
    """Return where a run's first weights come from; None when it starts from scratch."""
    return find_source(
        plan.settings.pretrained,
        model=plan.preset.name,
        zoo_url=plan.preset.zoo_url,
        has_own_config=plan.base_config is not None,
    )


def why_none(plan: Plan) -> str:
    """Say why a run starts from scratch."""
    if plan.settings.pretrained is not None:
        return "training starts from scratch, as asked"
    if plan.base_config is not None:
        return "training starts from scratch: a pipeline.config of your own takes weights with PRETRAINED=path or URL"
    return f"training starts from scratch: the zoo has no weights of {plan.preset.name}"


def given_files(source: Source) -> dict[str, Place]:
    """Return the files of a path, so that they are read again when they change; none where nothing is there.

    The job itself says what is wrong with a path.
    """
    path = find_root() / source.location
    if source.kind != "path":
        return {}
    if path.is_file():
        return {"given": Place(source.location)}
    if path.is_dir():
        only = ("checkpoint", "*.index", "*.data-*", "*.ckpt", "pipeline.config", "label_map.pbtxt")
        return {"given": Place(source.location, only)} if any(path.iterdir()) else {}
    index = Path(f"{path}.index")
    if index.is_file():
        return {"given": Place(str(Path(source.location).parent), (index.name, f"{path.name}.data-*"))}
    return {}
