"""The executor: outputs whole or not at all, one writer, interrupts passed on, errors that say where to look."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the real executor and nothing else."""
    for name in ("pipeline", "container_scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "output").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("a")
    return tmp_path


def plan(project: Path, script: str, **changes: Any) -> None:
    """Plan a stage that reads in/ and runs `script`, which gets the output's path as its argument."""
    (project / "job.py").write_text("import sys, os, time\nout = sys.argv[1]\n" + script)
    spec = {
        "stage": "copy", "image": "toco", "run": "cats", "command": ["job.py", "{out}", "{in}"], "settings": {},
        "code": ["job.py"], "inputs": {"in": {"path": "in"}}, "outputs": {"out": {"path": "output/cats/out"}},
        "hints": {"in": "make it"}, **changes,
    }  # fmt: skip
    path = project / "output/cats/.jobs/copy.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(spec))


def start(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(project / "container_scripts/run_job.py"), "copy", "--run", "cats"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")


def run(project: Path) -> tuple[int, str]:
    process = start(project)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


WRITE = "os.mkdir(out)\nopen(out + '/c.txt', 'w').write(open(sys.argv[2] + '/a.txt').read())\n"


def test_a_job_writes_its_output_once(project: Path) -> None:
    plan(project, WRITE)
    code, shown = run(project)
    assert (code, shown.splitlines()[0]) == (0, "copy  has not run yet")
    assert shown.splitlines()[-1].startswith("copy  done in ")
    assert (project / "output/cats/out/c.txt").read_text() == "a"
    assert run(project) == (0, "copy  up to date\n")


def test_a_stale_job_says_why_and_replaces_its_output(project: Path) -> None:
    plan(project, WRITE)
    run(project)
    (project / "in/a.txt").write_text("b")
    assert run(project)[1].splitlines()[0] == "copy  in/a.txt changed"
    assert (project / "output/cats/out/c.txt").read_text() == "b"


def test_a_failing_job_leaves_what_was_there_and_shows_its_log(project: Path) -> None:
    plan(project, WRITE)
    run(project)
    plan(project, "os.mkdir(out)\nprint('spam')\nraise ValueError('no such thing')")
    code, shown = run(project)
    assert code == 4
    lines = shown.splitlines()
    assert lines[1] == "error: stage copy failed in toco (exit 1); last lines:"
    assert lines[-2] == "  | ValueError: no such thing"
    assert lines[-1] == "hint: all of it: output/cats/logs/copy.log"
    assert (project / "output/cats/out/c.txt").read_text() == "a"
    assert not list((project / "output/cats").glob(".*.partial"))
    assert run(project)[0] == 4  # nothing looks finished


def test_a_job_that_explains_itself_is_not_explained_again(project: Path) -> None:
    script = "sys.path.insert(0, 'container_scripts')\nfrom screen import fail\nfail('in/a.txt: is wrong', 'mend it')"
    plan(project, script)
    assert run(project) == (3, "copy  has not run yet\nerror: in/a.txt: is wrong\nhint: mend it\n")


def test_a_killed_job_is_named_as_such(project: Path) -> None:
    plan(project, "os.kill(os.getpid(), 9)")
    code, shown = run(project)
    assert code == 4
    assert "error: stage copy failed in toco (killed by signal 9, often out of memory); last lines:" in shown


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_job_that_ran_out_of_memory_says_which_batch_would_fit(project: Path, number: int) -> None:
    figures = {"batch": 16, "before_bytes": 2**30, "peak_bytes": 9 * 2**30, "limit_bytes": 8 * 2**30}
    script = f"""os.makedirs(out, exist_ok=True)
with open(os.path.join(out, "memory.json"), "w") as file: file.write({json.dumps(figures)!r})
os.kill(os.getpid(), {int(number)})"""
    plan(project, script, in_place=True, identity={"inputs": ["in"], "settings": []})
    code, shown = run(project)
    assert code == 4
    assert f"error: stage copy failed in toco (killed by signal {int(number)}, often out of memory)" in shown
    assert shown.splitlines()[-1] == (
        "hint: BATCH=8: 16 images want 9.0 GB, 1.0 GB of it before the first step, and 8.0 GB can be had; "
        "all of the log: output/cats/logs/copy.log"
    )


def test_a_job_that_writes_nothing_is_no_success(project: Path) -> None:
    plan(project, "pass")
    assert run(project)[1].splitlines()[-1] == "error: stage copy ended well but wrote no output/cats/out"


def test_a_missing_input_names_the_command(project: Path) -> None:
    plan(project, WRITE)
    (project / "in/a.txt").unlink()
    assert run(project) == (4, "error: stage copy needs in\nhint: make it\n")


def test_a_second_job_while_one_runs_is_refused(project: Path) -> None:
    plan(project, f"open('begun', 'w')\ntime.sleep(30)\n{WRITE}")
    first = start(project)
    wait_for(project / "begun")
    code, shown = run(project)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=120)
    assert code == 4
    assert shown.startswith(f"error: output/cats/out is being written by stage copy, process {first.pid}, since 20")
    assert shown.endswith("hint: wait for it to end, stop it, or use another NAME\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_reaches_the_script_once(project: Path, number: signal.Signals) -> None:
    script = (
        "import signal\n"
        "def stop(*_):\n    open('stopped', 'a').write('x')\n    sys.exit(130)\n"
        "signal.signal(signal.SIGINT, stop)\nopen('begun', 'w')\ntime.sleep(30)\n"
    )
    plan(project, script)
    process = start(project)
    wait_for(project / "begun")
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert (project / "stopped").read_text() == "x"


def test_a_killed_executor_leaves_nothing_that_looks_finished(project: Path) -> None:
    plan(project, "os.mkdir(out)\nopen('begun', 'w')\ntime.sleep(30)\n")
    process = start(project)
    wait_for(project / "begun")
    process.kill()
    process.communicate(timeout=120)
    assert not (project / "output/cats/out").exists()
    plan(project, WRITE)
    deadline = time.monotonic() + 10  # the kernel interrupts the orphan, which frees the lock
    while run(project)[0] != 0:
        assert time.monotonic() < deadline
    assert os.listdir(project / "output/cats/out") == ["c.txt"]
    assert not list((project / "output/cats").glob(".*.partial"))


IN_PLACE = {"in_place": True, "identity": {"inputs": ["in"], "settings": ["model"]}, "settings": {"model": "a"}}


def test_a_stage_that_resumes_refuses_other_data(project: Path) -> None:
    plan(project, "open(out + '/step', 'a').write('x')", **IN_PLACE)
    assert run(project)[0] == 0
    before = (project / "in/a.txt").read_text()
    (project / "in/a.txt").write_text("other images")
    assert run(project) == (
        2,
        "copy  in/a.txt changed\nerror: output/cats/out was begun with other in (in/a.txt changed)\n"
        "hint: start over with FRESH=1 (the old run is kept under a dated name), or choose another NAME\n",
    )
    (project / "in/a.txt").write_text(before)
    assert run(project) == (0, "copy  up to date\n")  # what was there is as true as it was


def test_what_identifies_a_run_may_change_until_something_was_made_of_it(project: Path) -> None:
    once = {**IN_PLACE, "identity": {**IN_PLACE["identity"], "once": ["step"]}}
    plan(project, "open(out + '/notes', 'a').write('x')", **once)
    assert run(project)[0] == 0
    plan(project, "open(out + '/step', 'a').write('x')", **{**once, "settings": {"model": "b"}})
    assert run(project)[0] == 0
    plan(project, "open(out + '/step', 'a').write('x')", **{**once, "settings": {"model": None}})
    code, shown = run(project)
    assert (code, shown.splitlines()[1]) == (2, "error: output/cats/out was begun with other model (b, now none)")


def test_a_shared_output_is_written_by_the_job_itself(project: Path) -> None:
    shared = {"outputs": {"out": {"path": "output/shared", "shared": True}}}
    plan(project, "os.makedirs(out, exist_ok=True)\nopen(out + '/a', 'w').write('x')\n", **shared)
    assert run(project)[0] == 0
    plan(project, "sys.exit(3)", **shared)
    assert run(project)[0] == 3
    assert os.listdir(project / "output/shared") == ["a"]


def test_a_job_is_needless_once_what_it_is_for_is_there(project: Path) -> None:
    plan(project, "sys.exit(3)", until="output/cats/train/checkpoint")
    assert run(project)[0] == 3
    (project / "output/cats/train").mkdir()
    (project / "output/cats/train/checkpoint").touch()
    assert run(project) == (0, "copy  up to date\n")
    plan(project, "sys.exit(3)", until="output/cats/train/checkpoint", fresh=True)
    assert run(project)[0] == 3


def test_a_fresh_start_keeps_the_old_folder(project: Path) -> None:
    plan(project, "open(out + '/step', 'a').write('x')", **IN_PLACE)
    run(project)
    plan(project, "open(out + '/step', 'a').write('x')", **{**IN_PLACE, "fresh": True, "settings": {"model": "b"}})
    assert run(project)[0] == 0
    assert (project / "output/cats/out/step").read_text() == "x"
    (kept,) = (project / "output/cats").glob("out.20*")
    assert (kept / "step").read_text() == "x"


def test_a_job_that_merges_keeps_the_users_files(project: Path) -> None:
    (project / "output/mine").mkdir()
    (project / "output/mine/notes.txt").write_text("mine")
    plan(project, WRITE, outputs={"out": {"path": "output/mine", "merge": True}}, always=True)
    assert run(project) == (0, "")
    assert sorted(os.listdir(project / "output/mine")) == ["c.txt", "notes.txt"]
