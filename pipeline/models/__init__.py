"""The presets: what a MODEL name means, one YAML file each.

    summary: ...                     one paragraph for people
    architecture: ssd                or faster_rcnn
    quantized: true                  trained with the quantization rewriter; TFLite is uint8 then
    input_height: 300
    input_width: 300
    steps: 20000                     defaults of STEPS and BATCH
    batch: 8
    pipeline: {model: {...}, ...}    mirrors the Object Detection API's TrainEvalPipelineConfig

`pipeline` is parsed by the API's own protos inside the odapi image, which names a misspelt field. It is written
for the preset's own `steps`: a shorter or longer run scales its schedule and its quantization delay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError
from pipeline.suggest import did_you_mean

FOLDER = Path(__file__).parent


class Preset(BaseModel):
    """One model as `make train MODEL=name` understands it; `pipeline` is the proto as nested mappings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str
    architecture: Literal["ssd", "faster_rcnn"]
    quantized: bool
    input_height: int = Field(ge=1)
    input_width: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    pipeline: dict[str, Any]


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_preset(name: str) -> Preset:
    """Read the preset of that name; raise ConfigError that lists the known names and guesses one."""
    if name not in preset_names():
        raise ConfigError(
            f"unknown model {name!r}; known: {', '.join(preset_names())}", hint=did_you_mean(name, preset_names())
        )
    return parse_preset(name, (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def parse_preset(name: str, text: str) -> Preset:
    """Turn a preset file's text into a preset; raise ConfigError that names the file and the key."""
    where = f"pipeline/models/{name}.yaml"
    try:
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            raise ConfigError(f"{where}: found a {type(values).__name__}, wanted lines of 'key: value'")
        return Preset.model_validate({**values, "name": name})
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{where}: unknown key {key!r}", hint=did_you_mean(key, Preset.model_fields)) from None
        raise ConfigError(f"{where}: {key}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
