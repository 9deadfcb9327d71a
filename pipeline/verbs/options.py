"""The options that verbs share, made from the settings: one sentence explains a setting everywhere.

    @app.command()
    @takes(RUN, DATA, TRAINING)
    def train(given: Given, fresh: Annotated[bool, typer.Option("--fresh")] = False) -> None: ...

`train` then takes --model, --name, --dataset, ...; `given` maps each setting to what was given, None for the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Optional, get_args

import typer

from pipeline.config import Settings

Given = dict[str, Any]
Group = tuple[str, tuple[str, ...]]  # the panel of the help that it stands in, and the settings

RUN: Group = ("The run", ("model", "name", "backend"))
DATA: Group = (
    "The data",
    ("dataset", "format", "group_by", "keep_going", "test_fraction", "max_side", "balance"),
)
READING: Group = ("The data", ("dataset", "format", "group_by", "keep_going"))
SPLITTING: Group = ("The data", ("test_fraction", "seed", "config"))
LENGTH: Group = ("How long, and from what", ("steps", "epochs", "batch", "seed", "pretrained", "config"))
LEARNING: Group = (
    "How it learns (unset: the model's own way)",
    ("lr", "warmup", "schedule", "optimizer", "augment", "freeze", "moving_average", "qat_delay", "set"),
)
WATCHING: Group = ("Watching and stopping", ("eval_every", "patience", "keep"))
MACHINE: Group = ("The machine", ("device", "gpus", "threads"))
EXPORT: Group = ("What is exported", ("checkpoint", "tfjs_weights", "nms", "max_detections", "tolerance"))

TRAINING = (LENGTH, LEARNING, WATCHING, MACHINE)


def takes(*groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the options of these groups; it gets them as its parameter `given`."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(verb, eval_str=True).parameters.values() if p.name != "given"]
        shared = [option(name, panel) for panel, names in groups for name in names]

        def command(**arguments: Any) -> None:
            # Flags that are not there are False, and options that may be repeated are empty: neither was given.
            found = {option.name: arguments.pop(option.name) for option in shared}
            given = {name: None if value is False or value == [] else value for name, value in found.items()}
            verb(given=given, **arguments)

        command.__name__, command.__doc__ = verb.__name__, verb.__doc__
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def option(name: str, panel: str | None = None) -> inspect.Parameter:
    """Return the option of a setting: its type and its words are the setting's own, unset is None."""
    field = Settings.model_fields[name]
    kind = _kind(field.annotation)
    words = field.description or ""
    words = words[0].upper() + words[1:]
    if isinstance(field.default, str):
        words += f" (default: {field.default})"
    info = typer.Option("--" + name.replace("_", "-"), help=words + ".", rich_help_panel=panel, show_default=False)
    default, read = (False, bool) if kind is bool else (None, Optional[kind])  # noqa: UP045
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[read, info])


def _kind(annotation: Any) -> Any:
    """Return what the command line reads for a setting: a number, a flag, several words, or a word."""
    if annotation == tuple[str, ...]:
        return list[str]
    kinds = [kind for kind in (annotation, *get_args(annotation)) if kind in (bool, int, float)]
    return kinds[0] if kinds else str
