"""What is to be done for one run: the settings, the model, the folders; and a job as a spec.

A stage turns a `Plan` into a `Job`; the planner writes it as JSON, and `container_scripts/run_job.py`
runs it, in a container or in a local environment (see `pipeline.receipts` for the file's shape).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.config import Settings
from pipeline.models import Preset
from pipeline.workspace import Run

OWN_ARCHITECTURE = re.compile(r"^\s*model\s*:?\s*\{(?:\s|#[^\n]*\n)*(?P<name>[a-z_]+)\s*:?\s*\{", re.MULTILINE)
"""The first message of `model` in a pipeline.config."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that stages decide upon. `base_config` is the text of a user's own pipeline.config."""

    settings: Settings
    preset: Preset
    run: Run
    base_config: str | None = None
    fresh: bool = False

    @property
    def architecture(self) -> str:
        """What the model is, "ssd" or "faster_rcnn": the preset's, or what a pipeline.config of one's own says."""
        own = OWN_ARCHITECTURE.search(self.base_config or "")
        return own["name"] if own else self.preset.architecture

    @property
    def model_name(self) -> str:
        """How the model is called in a sentence."""
        return self.preset.name if self.base_config is None else f"the model of {self.settings.config}"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder that a job reads or writes; `only` limits it to files of these names.

    An `optional` input may not be there. An output folder is replaced as a whole; with `merge`, which a folder of the
    user's asks for, only what the job wrote is replaced in it. A `shared` one is of several runs: the job itself
    writes it, whole or not at all.
    """

    path: str
    only: tuple[str, ...] = ()
    merge: bool = False
    shared: bool = False
    optional: bool = False

    def to_spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"path": self.path}
        if self.only:
            spec["only"] = list(self.only)
        if self.merge:
            spec["merge"] = True
        if self.shared:
            spec["shared"] = True
        if self.optional:
            spec["optional"] = True
        return spec


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one run, ready to be executed.

    `command` holds {name} where the path of that input or output goes. `settings` are those that change the result;
    `code` are files that do beside the script and what it imports. `hints` say how to get an input that is missing.
    `in_place` marks the stage that resumes in its own folder, `identity` what must not have changed for that (its
    inputs, its settings, and the files that it counts from once they are there), `copies` the files laid into the
    folder first. `skip` says why there is nothing to do. `always` marks a job without a receipt, which runs each time
    it is asked for; exit code 3 then means "done, but some items were left out". `until` is a file that makes the job
    needless once it is there, unless the run starts over. `skip_without` says of an input why there is nothing
    to do without it, for what follows work that does not need it; who asks for the stage itself is told that it is
    missing. `reads` are further paths that the job looks at, which may lie outside the project.
    """

    command: tuple[str, ...]
    inputs: dict[str, Place]
    outputs: dict[str, Place]
    settings: dict[str, Any] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    hints: dict[str, str] = field(default_factory=dict)
    in_place: bool = False
    identity: dict[str, list[str]] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    skip: str | None = None
    skip_without: dict[str, str] = field(default_factory=dict)
    always: bool = False
    until: str | None = None
    reads: tuple[str, ...] = ()

    def to_spec(self, *, stage: str, image: str, run: str, fresh: bool = False) -> dict[str, Any]:
        """Return the spec that `run_job.py` executes."""
        return {
            "stage": stage,
            "image": image,
            "run": run,
            "command": list(self.command),
            "settings": self.settings,
            "code": list(self.code),
            "inputs": {name: place.to_spec() for name, place in self.inputs.items()},
            "outputs": {name: place.to_spec() for name, place in self.outputs.items()},
            "hints": self.hints,
            "in_place": self.in_place,
            "identity": self.identity,
            "copies": self.copies,
            "skip": self.skip,
            "skip_without": self.skip_without,
            "fresh": fresh,
            "always": self.always,
            "until": self.until,
            "reads": list(self.reads),
        }
