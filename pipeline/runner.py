"""Run a chain of stages: skip what is up to date, say why the rest is not, stop at the first that fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline import receipts
from pipeline.backends import Backend
from pipeline.backends.process import INTERRUPTED
from pipeline.core_count import count_cores
from pipeline.errors import DataError, Interrupted, PipelineError, StageError
from pipeline.machine import find_free_memory_bytes
from pipeline.plan import Plan
from pipeline.planner import make_specs, write_specs
from pipeline.report.screen import say
from pipeline.stages import SIDE_BY_SIDE

DONE_WITH_ITEMS_LEFT_OUT = 13  # what run_job.py exits with then
KILLED = (137, -9)  # by the kernel or an engine: a container's exit code, a local process's signal
ROOM_FOR_TWO_BYTES = 3_000_000_000
"""Memory that is free when two converters are started: each takes about one GB of a large model."""


class JobFailed(PipelineError):
    """A job ended badly and has already told the user why; what is left is to pass it on to programs."""

    shown = True

    def __init__(self, stage: str, exit_code: int, *, message: str | None = None, hint: str | None = None) -> None:
        super().__init__(message or f"stage {stage} failed", hint=hint)
        self.stage = stage
        self.exit_code = exit_code


class JobKilled(JobFailed):
    """A job was killed together with the one that would have told the user why."""

    shown = False

    def __init__(self, stage: str, exit_code: int) -> None:
        super().__init__(
            stage,
            4,
            message=f"stage {stage} was killed (exit {exit_code}), often out of memory",
            hint="a smaller BATCH=, or more memory for the container; make status says what is left to do",
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one stage; `reason` says why it ran or was skipped."""

    stage: str
    state: Literal["up_to_date", "done", "skipped", "stale"]
    reason: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def set_dataset(root: Path, plan: Plan) -> None:
    """Tell the jobs of this process where the dataset lies, and how the user calls it."""
    os.environ["ODPIPE_DATASET_DIR"] = str((root / plan.settings.dataset).resolve())
    os.environ["DATASET"] = plan.settings.dataset


def run_chain(
    root: Path,
    plan: Plan,
    stages: Iterable[str],
    choose_backend: Callable[[], Backend],
    *,
    plan_all: bool = True,
    insist: bool = False,
) -> list[Outcome]:
    """Run the stages that are not up to date, in order; return what became of each.

    Neighbours that do not need each other run at the same time (see `group_stages`); both end before either's failure
    is told.
    The backend is chosen when the first job needs one: an up-to-date chain asks no engine. All stages of the
    run are planned anew, or only these ones: who checks a dataset need not have set what a training goes by. Who
    insists has no stage skipped for lack of an input. Raises JobFailed for the first stage that fails, Interrupted
    after ^C.
    """
    stages = tuple(stages)
    set_dataset(root, plan)
    specs = make_specs(root, plan)
    backend: Backend | None = None
    outcomes: list[Outcome] = []
    for group in group_stages(stages):
        found = {name: look_at(root, specs[name], insist=insist) for name in group}
        waiting = [name for name in group if found[name].state == "stale"]
        for name in waiting:
            check_inputs(root, specs[name])
        if waiting and backend is None:
            backend = choose_backend()
            write_specs(root, plan, only=tuple(specs) if plan_all else stages)
        if waiting and backend is not None:
            began = time.monotonic()
            try:
                run_stages(root, backend, [specs[name] for name in waiting])
            except JobKilled:
                raise
            except JobFailed as failure:
                message, hint = read_error(root / plan.run.output / "logs" / f"{failure.stage}.log")
                raise JobFailed(failure.stage, failure.exit_code, message=message, hint=hint) from failure
            seconds = round(time.monotonic() - began, 1)
            found |= {name: Outcome(name, "done", found[name].reason, seconds) for name in waiting}
        outcomes += found.values()
    return outcomes


def group_stages(stages: Iterable[str]) -> list[list[str]]:
    """Return the stages in order, those together that may run at the same time where cores and memory allow it."""
    groups: list[list[str]] = []
    has_room = count_cores() > 1 and (find_free_memory_bytes() or ROOM_FOR_TWO_BYTES) >= ROOM_FOR_TWO_BYTES
    for name in stages:
        if has_room and groups and {name, *groups[-1]} <= set(SIDE_BY_SIDE):
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def look_at(root: Path, spec: dict[str, Any], *, insist: bool) -> Outcome:
    """Return what is to become of a stage; tell of one that is skipped or up to date."""
    name = spec["stage"]
    skip = receipts.find_skip(str(root), spec, insist)
    if skip:
        say(f"{name}  skipped: {skip}")
        for path in receipts.drop_what_is_untrue(str(root), spec):
            say(f"{name}  removed {path}, which was measured on other files than those that are there now")
        return Outcome(name, "skipped", skip)
    reason = receipts.staleness(str(root), spec)
    if reason is None:
        say(f"{name}  up to date")
        return Outcome(name, "up_to_date")
    return Outcome(name, "stale", reason)


def run_stages(root: Path, backend: Backend, specs: Sequence[dict[str, Any]]) -> None:
    """Run one planned job, or several at the same time; raise JobFailed for the first of them that failed."""
    if len(specs) == 1:
        run_stage(backend, specs[0], reads=find_outside(root, specs[0]["reads"]))
        return
    images = {spec["stage"]: spec["image"] for spec in specs}
    for image in images.values():
        backend.prepare(image)
    codes = backend.run_jobs(images, run=specs[0]["run"])
    for stage, code in zip(images, codes, strict=True):
        check_code(stage, code)


def find_outside(root: Path, paths: Iterable[str]) -> list[Path]:
    """Return the folders of paths that lie outside the project: a container does not see those by itself.

    A path may be the beginning of some files' names, so it is its folder that has to be seen.
    """
    found = []
    for path in paths:
        whole = Path(os.path.abspath(root / path))
        if not whole.is_relative_to(os.path.abspath(root)):
            found.append(whole if whole.is_dir() else whole.parent)
    return [path for path in found if path.is_dir()]


def read_error(log: Path) -> tuple[str | None, str | None]:
    """Return the error that a job's log ends with, and its hint; None where it ends with none (see screen.fail)."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None, None
    begin = next((number for number in reversed(range(len(lines))) if lines[number].startswith("error: ")), None)
    if begin is None:
        return None, None
    told = lines[begin:]
    end = next((number for number, line in enumerate(told) if line.startswith("hint: ")), len(told))
    hint = told[end].removeprefix("hint: ") if end < len(told) else None
    return "\n".join(told[:end]).removeprefix("error: "), hint


def check_inputs(root: Path, spec: dict[str, Any]) -> None:
    """Raise DataError or StageError, with the command to run first, when an input is missing."""
    missing = receipts.find_missing_input(str(root), spec)
    if missing is None:
        return
    message, hint, exit_code = missing
    raise (DataError if exit_code == DataError.exit_code else StageError)(message, hint=hint)


def run_stage(
    backend: Backend, spec: dict[str, Any], *, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
) -> None:
    """Run one planned job on a backend; raise JobFailed when it fails, Interrupted after ^C."""
    stage, image = spec["stage"], spec["image"]
    backend.prepare(image)
    check_code(stage, backend.run_job(stage, image=image, run=spec["run"], reads=reads, writes=writes))


def check_code(stage: str, code: int) -> None:
    """Raise what the exit code of a job means: JobFailed, or Interrupted after ^C; nothing when it ended well."""
    if code == INTERRUPTED:
        raise Interrupted(
            f"stopped in stage {stage}; what was finished is kept", hint="the same command goes on from there"
        )
    if code in KILLED:
        raise JobKilled(stage, code)
    if code != 0:
        raise JobFailed(stage, code)


def check_stages(root: Path, plan: Plan, stages: Iterable[str]) -> list[Outcome]:
    """Say of each stage whether it is up to date, and why not; run nothing."""
    set_dataset(root, plan)
    specs = make_specs(root, plan)
    outcomes: list[Outcome] = []
    for name in stages:
        spec = specs[name]
        skip = receipts.find_skip(str(root), spec)
        if skip:
            outcomes.append(Outcome(name, "skipped", skip))
            continue
        reason = receipts.staleness(str(root), spec)
        outcomes.append(Outcome(name, "up_to_date" if reason is None else "stale", reason))
    return outcomes
