"""What a person can set of the training itself; unset means the model's own, or what the machine allows.

    make train NAME=cats AUGMENT=flip,crop,color LR=0.002 SCHEDULE=cosine EPOCHS=30 SET="train_config.batch_size=4"

A list is written as a list in odpipe.yaml, and as words between commas or spaces everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from pipeline.augmentations import check_names

Schedule = Literal["cosine", "exponential", "constant"]
Optimizer = Literal["adam", "momentum", "rmsprop"]
Device = Literal["cpu", "gpu"]

# Before the next "train_config.x=" or "model[0].y=": a value may hold spaces and commas itself.
_NEXT_ASSIGNMENT = re.compile(r"[\s,;]+(?=[A-Za-z_]\w*(?:\.|\[\d+\]\.)[\w.\[\]]*\s*=)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(?:\.\w+|\[\d+\])*\s*=.*", re.DOTALL)


def split_names(value: Any) -> Any:
    """Turn "flip, crop" into its names; "none" into no name at all."""
    if isinstance(value, str):
        value = [word for word in re.split(r"[\s,;]+", value) if word]
    if isinstance(value, (list, tuple)):
        names = [str(name) for name in value]
        return () if names in ([], ["none"]) else tuple(check_names(names))
    return value


def split_assignments(value: Any) -> Any:
    """Turn "a.b=c d.e=[1, 2]" into ("a.b=c", "d.e=[1, 2]"); raise ValueError for what assigns nothing."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)):
        return value
    assignments = [part.strip() for item in value for part in _NEXT_ASSIGNMENT.split(str(item).strip()) if part.strip()]
    for assignment in assignments:
        if not _ASSIGNMENT.fullmatch(assignment):
            raise ValueError(f"{assignment!r} assigns nothing; wanted a.b.c=value")
    return tuple(assignments)


def check_pattern(value: str) -> str:
    """Return a regular expression as it is; raise ValueError that says what is wrong with it."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return value


def as_text(value: Any) -> Any:
    """Take a number of a YAML file for the text that it stands for: `checkpoint: 2000`."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class TrainingSettings(BaseModel):
    """The part of the settings that decides how a detector is trained. Unset: the model's own."""

    steps: int | None = Field(None, ge=1, description="training steps; the model's own number when unset")
    epochs: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="instead of steps: how often each training image is seen"
    )
    batch: int | None = Field(None, ge=1, description="images a step; as many as memory holds is fastest")
    pretrained: str | None = Field(
        None,
        description="weights to begin with: zoo (the default where the model has some), none, or the path or URL of an "
        "archive or a checkpoint",
    )
    lr: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="highest learning rate of the schedule, such as 0.001 for adam"
    )
    warmup: int | None = Field(
        None, ge=0, description="steps in which the learning rate climbs to its highest value; 0 starts with that"
    )
    schedule: Schedule | None = Field(
        None,
        description="what the learning rate does after the warm-up: cosine (falls to 0 at the last step), exponential "
        "(falls to a hundredth) or constant",
    )
    optimizer: Optimizer | None = Field(
        None, description="adam (forgiving), momentum (often best in long runs) or rmsprop"
    )
    augment: Annotated[tuple[str, ...] | None, BeforeValidator(split_names)] = Field(
        None,
        description="how images are varied, such as flip,crop,color, instead of the model's own way; none varies "
        "nothing (odpipe models --augmentations lists all)",
    )
    freeze: Annotated[str | None, BeforeValidator(lambda value: check_pattern(value) if value else value)] = Field(
        None,
        description="variables that stay as they are: backbone (for few images and pretrained weights), none, or a "
        "regular expression of their names",
    )
    moving_average: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="decay of an average of the weights that is evaluated and exported in their place, such as 0.999; "
        "0: none",
    )
    qat_delay: int | None = Field(
        None,
        ge=0,
        description="step from which a quantized model trains as uint8; 0 from the first, unset the last part",
    )
    set: Annotated[tuple[str, ...], BeforeValidator(split_assignments)] = Field(
        (), description="any other field of the pipeline.config: train_config.gradient_clipping_by_norm=5"
    )
    eval_every: int | None = Field(
        None, ge=0, description="steps between evaluations on the test images; 0 never, unset a tenth of all steps"
    )
    patience: int | None = Field(
        None, ge=0, description="stop after so many evaluations without a better mAP; 0 or unset: never"
    )
    keep: int = Field(3, ge=1, description="checkpoints kept; the best one is kept besides")
    gpus: int | None = Field(None, ge=0, description="how many GPUs of this machine train together")
    device: Device | None = Field(None, description="cpu or gpu; the GPU where there is one when unset")
    threads: int | None = Field(None, ge=1, description="CPU threads of training; all cores when unset")


# What is said twice when both stand: a training is as long as the one or the other says.
EXCLUSIVE = (("steps", "epochs"),)


def layer(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over each other, the last on top; what excludes something of a lower layer takes its place.

    So `make train EPOCHS=5` goes on with a run that was begun with STEPS=100.
    """
    values: dict[str, Any] = {}
    for upper in layers:
        for one, other in (*EXCLUSIVE, *((other, one) for one, other in EXCLUSIVE)):
            if upper.get(one) is not None:
                values.pop(other, None)
        values.update(upper)
    return values
