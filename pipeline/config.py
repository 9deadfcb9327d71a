"""The settings of a run: defaults, then odpipe.yaml, then the command line.

# odpipe.yaml, in the project's root
model: ssd_mobilenet_v2_quantized
dataset: input/supervisely
steps: 20000
batch: 8
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from pipeline.errors import ConfigError
from pipeline.suggest import did_you_mean
from pipeline.tolerance import parse_tolerance
from pipeline.training_settings import EXCLUSIVE, TrainingSettings, as_text, layer
from pipeline.workspace import check_run_name

FILE_NAME = "odpipe.yaml"
DEFAULT_MODEL = "ssd_mobilenet_v2_quantized"


class Settings(TrainingSettings):
    """Everything that a person can set for a run: here the data and the exports, there the training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(DEFAULT_MODEL, description="a preset of pipeline/models/; odpipe models lists them")
    name: str | None = Field(None, description="the run's folder below output/; the model's name when unset")
    dataset: str = Field("input/supervisely", description="the folder of labelled images, or a tar or zip of it")
    format: str = Field(
        "auto", description="the dataset's format, one of pipeline/datasets/formats/registry.py; auto finds out"
    )
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="share of images kept for evaluation where the dataset has no split of its own"
    )
    group_by: str | None = Field(
        None, description="keeps the images of one scene on one side: 'folder', or a regular expression with a group"
    )
    keep_going: bool = Field(False, description="leave out what cannot be used, naming it, instead of stopping")
    max_side: int | None = Field(
        None, ge=0, description="longest side of a photo in the records, in pixels; 0 keeps all, unset fits the model"
    )
    balance: Literal["none", "sqrt", "inverse"] = Field(
        "none", description="weigh boxes by the rarity of their class: none, sqrt or inverse"
    )
    seed: int = Field(0, ge=0, description="of the split, the shuffling and the training")
    config: str | None = Field(None, description="a pipeline.config to train from instead of the model's own")
    checkpoint: Annotated[str, BeforeValidator(as_text)] = Field(
        "best", description="what is exported: best (by mAP on the test images), last, a step, or a checkpoint's path"
    )
    tfjs_weights: Literal["uint8", "float16", "float32"] | None = Field(
        None, description="weights of the fast browser build; unset: uint8 for quantized models, else float16"
    )
    nms: Literal["regular", "fast"] = Field(
        "regular", description="post-processing in the TFLite files: regular (per class) or fast (may lose boxes)"
    )
    max_detections: int = Field(20, ge=1, le=100, description="boxes an image that the shipped TFLite files give")
    tolerance: Annotated[str | None, BeforeValidator(as_text)] = Field(
        None, description="mAP points that an artefact may lose: 2, or tflite=2,tfjs_fast=1; unset: limits of its kind"
    )
    pbtxt: bool = Field(False, description="write the frozen graphs as readable text, too")
    backend: Literal["auto", "docker", "local"] = Field("auto", description="auto, docker or local")
    threshold: float = Field(0.5, ge=0, le=1, description="lowest score of a written detection")

    @field_validator("tolerance")
    @classmethod
    def _check_tolerance(cls, text: str | None) -> str | None:
        parse_tolerance(text)  # now, not after an hour of work
        return text

    @property
    def run_name(self) -> str:
        """The run's folder name; raises ConfigError when it cannot be one."""
        return check_run_name(self.name or self.model)


def read_settings(root: Path, given: Mapping[str, Any], *, stored: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a run: `stored` ones, odpipe.yaml over them, `given` (None: not given) over both."""
    path = root / FILE_NAME
    written: dict[str, Any] = read_yaml(path) if path.exists() else {}
    check_keys(written, FILE_NAME)
    return parse_settings(layer(stored or {}, written, without_none(given)))


def without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return only what was really given."""
    return {key: value for key, value in given.items() if value is not None}


def parse_settings(values: Mapping[str, Any]) -> Settings:
    """Turn a mapping into settings; raise ConfigError that names the key, what was found and wanted."""
    for one, other in EXCLUSIVE:
        if values.get(one) is not None and values.get(other) is not None:
            raise ConfigError(
                f"settings {one!r} and {other!r} are both given; each says how long to train",
                hint=f"leave one of {one.upper()} and {other.upper()} out",
            )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"setting {key!r} is {first['input']!r}: {what[0].lower()}{what[1:]}",
            hint=Settings.model_fields[key].description if key in Settings.model_fields else None,
        ) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; raise ConfigError that names the file and the line."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path.name}: found a {type(values).__name__}, wanted lines of 'key: value'")
    return values


def check_keys(values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError for the first key that is no setting."""
    for key in values:
        if key not in Settings.model_fields:
            raise ConfigError(
                f"{where}: unknown setting {key!r}; known: {', '.join(sorted(Settings.model_fields))}",
                hint=did_you_mean(str(key), Settings.model_fields),
            )


def settings_from_environment() -> dict[str, str]:
    """Return what the environment of `docker compose` sets: MODEL, NAME, STEPS, ... (empty means unset)."""
    names = (name for name in Settings.model_fields if name != "backend")
    return {name: os.environ[name.upper()] for name in names if os.environ.get(name.upper())}
