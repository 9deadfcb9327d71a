"""A container that is killed as a whole leaves nobody to say why: the host does."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.runner import JobFailed, JobKilled, run_stage

SPEC: dict[str, Any] = {"stage": "train", "image": "odapi", "run": "cats"}


class Ended:
    """A backend whose job ended with a code."""

    NAME = "ended"

    def __init__(self, code: int) -> None:
        self.code = code

    def prepare(self, image: str) -> None: ...

    def run_job(self, stage: str, **_: object) -> int:
        return self.code

    def serve(self, service: str, *, port: int) -> int:
        return 0


@pytest.mark.parametrize("code", [137, -9])
def test_a_kill_is_told_with_what_it_often_means(code: int) -> None:
    with pytest.raises(JobKilled) as raised:
        run_stage(Ended(code), SPEC)
    error = raised.value
    assert (str(error), error.exit_code, error.shown) == (
        f"stage train was killed (exit {code}), often out of memory", 4, False,
    )  # fmt: skip
    assert error.hint == "a smaller BATCH=, or more memory for the container; make status says what is left to do"


def test_a_job_that_fails_has_told_it_already() -> None:
    with pytest.raises(JobFailed) as raised:
        run_stage(Ended(3), SPEC)
    assert (type(raised.value), raised.value.exit_code, raised.value.shown) == (JobFailed, 3, True)
