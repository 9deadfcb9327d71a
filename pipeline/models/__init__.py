"""The presets: what a MODEL name means, one YAML file each.

    summary: ...                     one paragraph for people
    aliases: [ssd_mobilenet_v2_coco] the names that the TF1 detection zoo has for it
    zoo: ssd_mobilenet_v2_coco_2018_03_29    the archive of its weights there, or a URL
    parameters: 16831000             trained ones, at 90 classes
    published: {coco_map: 22, latency_ms: 31, latency_on: ..., source: https://...}
    exports: [tflite, edgetpu, tfjs] the forms that `make export` gives
    hardware: ...                    where it is the right choice
    architecture: ssd                or faster_rcnn
    quantized: true                  trained with the quantization rewriter; else TFLite is int8 after training
    input_height: 300
    input_width: 300
    steps: 20000                     defaults of STEPS and BATCH
    batch: 8
    pipeline: {model: {...}, ...}    mirrors the Object Detection API's TrainEvalPipelineConfig

`pipeline` is parsed by the API's own protos inside the odapi image, which names a misspelt field. It is written
for the preset's own `steps`: a shorter or longer run scales its schedule and its quantization delay.
The presets follow the API's sample configurations (research/object_detection/samples/configs in
tensorflow/models), but for losses and schedules: those are written for 64 to 2,048 images a step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError
from pipeline.suggest import did_you_mean

FOLDER = Path(__file__).parent
ZOO_URL = "http://download.tensorflow.org/models/object_detection/{}.tar.gz"

Export = Literal["tflite", "edgetpu", "tfjs"]


class Published(BaseModel):
    """What its makers measured: mAP on COCO in percent, milliseconds an image on the hardware named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    coco_map: float
    latency_ms: float
    latency_on: str
    source: str


class Preset(BaseModel):
    """One model as `make train MODEL=name` understands it; `pipeline` is the proto as nested mappings.

    What only describes it stays out of its dumps: a run is not another one because a sentence changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str
    aliases: tuple[str, ...] = Field((), exclude=True)
    zoo: str | None = Field(None, exclude=True)
    parameters: int | None = Field(None, ge=1, exclude=True)
    published: Published | None = Field(None, exclude=True)
    exports: tuple[Export, ...] = Field((), exclude=True)
    hardware: str = Field("", exclude=True)
    architecture: Literal["ssd", "faster_rcnn"]
    quantized: bool
    input_height: int = Field(ge=1)
    input_width: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    pipeline: dict[str, Any]

    @property
    def zoo_url(self) -> str | None:
        """Where the archive of the published weights lies; None when there are none."""
        if self.zoo is None or "://" in self.zoo:
            return self.zoo
        return ZOO_URL.format(self.zoo)

    def to_json(self) -> dict[str, Any]:
        """Return all that describes the model, without its recipe."""
        described = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("pipeline", "published")
        }
        published = self.published.model_dump() if self.published else None
        return described | {
            "summary": self.summary.strip(), "hardware": self.hardware.strip(), "aliases": list(self.aliases),
            "exports": list(self.exports), "published": published, "zoo_url": self.zoo_url,
        }  # fmt: skip


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_presets() -> list[Preset]:
    """Read all presets, sorted by name."""
    return [read_preset(name) for name in preset_names()]


def read_preset(name: str) -> Preset:
    """Read the preset of that name or alias; raise ConfigError that lists the known names and guesses one."""
    names = preset_names()
    if name in names:
        return parse_preset(name, (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    presets = read_presets()
    for preset in presets:
        if name in preset.aliases:
            return preset
    aliases = [alias for preset in presets for alias in preset.aliases]
    raise ConfigError(f"unknown model {name!r}; known: {', '.join(names)}", hint=did_you_mean(name, [*names, *aliases]))


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
            known = Published.model_fields if key.startswith("published.") else Preset.model_fields
            raise ConfigError(
                f"{where}: unknown key {key!r}", hint=did_you_mean(key.rsplit(".", 1)[-1], known)
            ) from None
        raise ConfigError(f"{where}: {key}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
