"""Where everything lies: the one place that names a path.

    input/tf_csv/cats/       the dataset as csv and images, readable by people
    input/tf_records/cats/   the same as TFRecords
    output/cats/check.json, dataset.html   what the dataset holds, and what is wrong with it
    output/cats/report.html  how well the model detects, and what to do next
    output/cats/train/       checkpoints, events, metrics.jsonl, the settings used
    output/cats/{frozen,tflite,edgetpu,frigate,tensorflow_js,evaluation,bundle,detection,logs}/
    output/notebooks/        a copy of docs/detect.ipynb for each run that was looked at

All paths are relative to the project's root, because a container sees the root elsewhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError

NOTEBOOKS = "output/notebooks"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def find_root() -> Path:
    """Return the project's root: the folder that holds the Makefile, container_scripts/ and this package."""
    return Path(os.environ.get("ODPIPE_ROOT") or Path(__file__).resolve().parent.parent)


def check_run_name(name: str) -> str:
    """Return `name` if it can be a folder; raise ConfigError otherwise."""
    if not RUN_NAME.fullmatch(name):
        raise ConfigError(
            f"NAME is {name!r}; wanted letters, digits, '.', '_' or '-', beginning with a letter or a digit",
            hint="NAME=my-detector",
        )
    return name


@dataclass(frozen=True, slots=True)
class Run:
    """The folders of one run, relative to the root."""

    name: str

    def how_to(self, verb: str) -> str:
        """Return the command that a hint names for a verb, on either way of running."""
        return f"make {verb} NAME={self.name} (or: docker compose up {verb})"

    @property
    def tf_csv(self) -> str:
        return f"input/tf_csv/{self.name}"

    @property
    def records(self) -> str:
        return f"input/tf_records/{self.name}"

    @property
    def output(self) -> str:
        return f"output/{self.name}"

    @property
    def jobs(self) -> str:
        """What the planner writes: the specs, the model and the settings."""
        return f"{self.output}/.jobs"

    @property
    def check(self) -> str:
        """What the check of the dataset found, for programs."""
        return f"{self.output}/check.json"

    @property
    def dataset_page(self) -> str:
        """The same for people."""
        return f"{self.output}/dataset.html"

    @property
    def check_cache(self) -> str:
        """What was found in each image, so that none is decoded twice; may be deleted."""
        return f"{self.output}/.cache/check.json"

    @property
    def train(self) -> str:
        return f"{self.output}/train"

    @property
    def frozen(self) -> str:
        return f"{self.output}/frozen"

    @property
    def tflite(self) -> str:
        return f"{self.output}/tflite"

    @property
    def edgetpu(self) -> str:
        return f"{self.output}/edgetpu"

    @property
    def frigate(self) -> str:
        return f"{self.output}/frigate"

    @property
    def tfjs(self) -> str:
        return f"{self.output}/tensorflow_js"

    @property
    def evaluation(self) -> str:
        return f"{self.output}/evaluation"

    @property
    def report(self) -> str:
        """How well the model detects, and what to do next: a page for people."""
        return f"{self.output}/report.html"

    @property
    def bundle(self) -> str:
        """One zip with all that a person needs of the model, and its card."""
        return f"{self.output}/bundle"

    @property
    def detection(self) -> str:
        return f"{self.output}/detection"
