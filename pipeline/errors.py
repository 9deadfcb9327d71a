"""The errors that people see, each with its exit code.

2 configuration, 3 data, 4 a stage, 5 an engine or image, 130 interrupted. Anything else that
escapes is a bug of ours (exit 70, traceback in a log).
"""

LONGEST = 20_000


def printable(text: str) -> str:
    """Escape what no file or screen can take, halves of characters, which JSON can hold; cut what nobody would read."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class PipelineError(Exception):
    """Something went wrong that the user can do something about.

    The message says where, what was found and what was wanted; `hint` is a command or an edit.
    """

    exit_code = 70
    shown = False  # whether a job has already told the user

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(printable(message))
        self.hint = printable(hint) if hint else hint


class ConfigError(PipelineError):
    """A setting, a flag or a name is wrong."""

    exit_code = 2


class DataError(PipelineError):
    """A dataset, an image or a model file is wrong."""

    exit_code = 3


class StageError(PipelineError):
    """A stage could not start or did not end well."""

    exit_code = 4


class EngineError(PipelineError):
    """A container engine, an image or an environment is missing or broken."""

    exit_code = 5


class Interrupted(PipelineError):
    """The user pressed ^C."""

    exit_code = 130
