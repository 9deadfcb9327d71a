"""What runs inside the pipeline image: one module a stage, each `python -m pipeline.jobs.NAME --help`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from pipeline.errors import PipelineError
from pipeline.report import screen


def run(main: Callable[[], None]) -> NoReturn:
    """Run a job's main function and end the process, with the error's message, hint and exit code if there is one."""
    try:
        main()
    except PipelineError as error:
        screen.fail(str(error), hint=error.hint, exit_code=error.exit_code)
    except KeyboardInterrupt:
        screen.fail("interrupted", exit_code=130)
    raise SystemExit(0)
