"""Stages that do not need each other run at the same time: on the screen, when one fails, after ^C, and on one core."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline import runner
from pipeline.backends.process import run_processes
from pipeline.config import Settings
from pipeline.plan import Plan
from pipeline.planner import make_plan, make_specs
from pipeline.runner import JobFailed, run_chain
from pipeline.stages import CHAINS, SIDE_BY_SIDE
from tests.project import ROOT, copy_project

MEET = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:3])
mine.write_text("")
deadline = time.monotonic() + 20
while not other.exists():
    if time.monotonic() > deadline: sys.exit(9)
    time.sleep(0.01)
sys.exit(int(sys.argv[3]))
"""


def test_two_commands_run_at_the_same_time_and_answer_in_order(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end well."""
    words = [("a", "b", "0"), ("b", "a", "3")]
    commands = [[sys.executable, "-c", MEET, *one] for one in words]
    assert run_processes(commands, cwd=tmp_path) == [0, 3]


def test_jobs_that_share_a_screen_write_lines_and_read_nothing(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit(sys.stdin.read() != '' or os.environ.get('ODPIPE_LINES_ONLY') != '1')"
    assert run_processes([[sys.executable, "-c", code]] * 2, cwd=tmp_path) == [0, 0]
    alone = "import os, sys; sys.exit('ODPIPE_LINES_ONLY' in os.environ)"
    assert run_processes([[sys.executable, "-c", alone]], cwd=tmp_path) == [0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_ends_both_and_is_told_once(tmp_path: Path, number: signal.Signals) -> None:
    wait = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(''); time.sleep(60)"
    code = (
        "import sys; from pathlib import Path; from pipeline.backends.process import run_processes\n"
        f"commands = [[sys.executable, '-c', {wait!r}, name] for name in ('a', 'b')]\n"
        f"print(run_processes(commands, cwd=Path({str(tmp_path)!r})))"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 30
    while not all((tmp_path / name).exists() for name in ("a", "b")):
        assert time.monotonic() < deadline, "they did not start"
        time.sleep(0.02)
    if number == signal.SIGINT:  # as a terminal does: to all of them
        os.killpg(started.pid, number)
    else:
        started.send_signal(number)
    out, _ = started.communicate(timeout=20)
    assert (out, started.returncode) == ("[130, 130]\n", 0)


class Recorder:
    """A backend that starts nothing: it notes what it was asked for, and answers with codes."""

    NAME = "recorder"

    def __init__(self, codes: Mapping[str, int]) -> None:
        self.codes = codes
        self.asked: list[tuple[str, ...]] = []

    def prepare(self, image: str) -> None: ...

    def run_job(self, stage: str, **_: object) -> int:
        self.asked.append((stage,))
        return self.codes.get(stage, 0)

    def run_jobs(self, images: Mapping[str, str], *, run: str) -> list[int]:
        self.asked.append(tuple(images))
        return [self.codes.get(stage, 0) for stage in images]

    def serve(self, service: str, *, port: int) -> int:
        return 0


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, Plan]:
    """A project whose model is frozen: all that the converters read is there."""
    root = copy_project(tmp_path / "project")
    frozen = root / "output/cats/frozen"
    for name in ("saved_model/saved_model.pb", "tflite_graph.pb", "model.json"):
        (frozen / name).parent.mkdir(parents=True, exist_ok=True)
        (frozen / name).write_text("{}")
    return root, make_plan(root, Settings(name="cats"))


def convert(project: tuple[Path, Plan], codes: Mapping[str, int] | None = None) -> Recorder:
    """Run the two converters; return what the backend was asked for, also when one failed."""
    root, plan = project
    backend = Recorder(codes or {})
    try:
        run_chain(root, plan, SIDE_BY_SIDE, lambda: backend)
    except JobFailed as failure:
        assert failure.stage in backend.codes
    return backend


def test_the_converters_run_side_by_side(project: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "count_cores", lambda: 2)
    monkeypatch.setattr(runner, "find_free_memory_bytes", lambda: 8_000_000_000)
    assert convert(project).asked == [("tflite", "tfjs")]


@pytest.mark.parametrize(("cores", "free"), [(1, 8_000_000_000), (2, 1_000_000_000)])
def test_they_run_one_after_the_other_where_there_is_no_room_for_two(
    project: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch, cores: int, free: int
) -> None:
    monkeypatch.setattr(runner, "count_cores", lambda: cores)
    monkeypatch.setattr(runner, "find_free_memory_bytes", lambda: free)
    assert convert(project).asked == [("tflite",), ("tfjs",)]


def test_both_end_before_the_failure_of_one_is_told(
    project: tuple[Path, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "count_cores", lambda: 2)
    monkeypatch.setattr(runner, "find_free_memory_bytes", lambda: None)
    root, plan = project
    logs = root / "output/cats/logs"
    logs.mkdir()
    (logs / "tfjs.log").write_text("$ python tfjs.py\nerror: it has no weights\nhint: train it\n")
    backend = Recorder({"tfjs": 3})
    with pytest.raises(JobFailed) as raised:
        run_chain(root, plan, SIDE_BY_SIDE, lambda: backend)
    error = raised.value
    assert (error.stage, error.exit_code, str(error), error.hint) == ("tfjs", 3, "it has no weights", "train it")
    assert backend.asked == [("tflite", "tfjs")]


def test_no_stage_reads_what_one_beside_it_writes(tmp_path: Path) -> None:
    specs = make_specs(ROOT, make_plan(tmp_path, Settings(name="cats")))
    for stage in SIDE_BY_SIDE:
        read = {place["path"] for place in specs[stage]["inputs"].values()}
        for other in set(SIDE_BY_SIDE) - {stage}:
            written = {place["path"] for place in specs[other]["outputs"].values()}
            assert not any(one.startswith(path) for one in read for path in written), (stage, other)


def test_no_stage_that_measures_time_has_one_beside_it() -> None:
    assert not [stage for stage in SIDE_BY_SIDE if stage.startswith("evaluate")]
    for chain in CHAINS.values():
        assert set(chain) & {*SIDE_BY_SIDE} != {*SIDE_BY_SIDE} or chain.index("tfjs") == chain.index("tflite") + 1
