"""Run one stage's job: the executor of every stage, in every image and on both backends.

    python container_scripts/run_job.py freeze --run cats

It reads output/cats/.jobs/freeze.json (made by the planner), ends at once when the stage is up to
date, and otherwise starts the stage's script with output paths that do not exist yet. Only when the
script ends well are they renamed into place and a receipt is written; a killed job leaves nothing
that looks finished. One job at a time writes a stage's outputs: it holds a lock that the kernel frees
when the last of its processes is gone.

Python 3.6 and standard library only.
"""

import argparse
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

import memory  # noqa: E402
from node_program import find_node  # noqa: E402
from staging import discard, move_into_place, remove_if_there, stage_outputs  # noqa: E402

from pipeline import receipts  # noqa: E402
from pipeline.report.screen import fail, format_duration, say  # noqa: E402

LOG_TAIL_LINES = 12
LEFT_ITEMS_OUT = 3  # of a script; if it wrote its outputs all the same, we exit with the next one
DONE_WITH_ITEMS_LEFT_OUT = 13
EXPLAINED = (2, 3, 4)  # the script has told the user itself (a crash of Python is 1)
INTERRUPTED = 130
PR_SET_PDEATHSIG = 1
# The kernel ends a process that takes more than there is with SIGKILL; C++ ends itself when it gets none
KILLED_FOR_MEMORY = (137, -signal.SIGKILL, 134, -signal.SIGABRT)


def main():
    """Run the job that the command line names; exit with its code."""
    parser = argparse.ArgumentParser(description="Run one stage's job as planned by `odpipe plan`.")
    parser.add_argument("stages", nargs="+", metavar="stage", help="freeze, tflite, ...: one after the other")
    parser.add_argument("--run", help="the run's name, a folder of output/ (default: NAME, else MODEL)")
    parser.add_argument("--insist", action="store_true", help="fail where a stage would be skipped for lack of input")
    arguments = parser.parse_args()
    become_owner_of_output()
    os.chdir(ROOT)
    run = arguments.run or os.environ.get("NAME") or os.environ.get("MODEL")
    if not run:
        fail("no run is named", hint="set NAME or MODEL in the environment or in .env", exit_code=2)
    for stage in arguments.stages:
        spec = receipts.read_json(receipts.spec_path(ROOT, run, stage))
        if spec is None:
            fail(
                "stage {} of {} is not planned".format(stage, run),
                hint="docker compose run --rm plan (or use make)",
                exit_code=4,
            )
        code = run_spec(spec, arguments.insist)
        if code != 0:
            sys.exit(code)


def become_owner_of_output():
    """In a container started as root, become the owner of output/, so that all files are the user's."""
    if os.environ.get("ODPIPE_BECOME_OWNER") != "1" or os.geteuid() != 0:
        return
    owner = os.stat(os.path.join(ROOT, "output"))
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def run_spec(spec, insist=False):
    """Run one planned job if it is not up to date; return its exit code."""
    stage = spec["stage"]
    lock = take_lock(spec)
    skip = receipts.find_skip(ROOT, spec, insist)
    if skip:
        say("{}  skipped: {}".format(stage, skip))
        for path in receipts.drop_what_is_untrue(ROOT, spec):
            say("{}  removed {}, which was measured on other files than those that are there now".format(stage, path))
        return 0
    reason = receipts.staleness(ROOT, spec)
    if reason is None:
        say("{}  up to date".format(stage))
        return 0
    missing = receipts.find_missing_input(ROOT, spec)
    if missing:
        message, hint, exit_code = missing
        fail(message, hint=hint, exit_code=exit_code)
    inputs = {}
    code_hashes = receipts.hash_code(ROOT, spec)
    if not spec.get("always"):
        say("{}  {}".format(stage, reason))
        for name, place in spec["inputs"].items():
            inputs[name] = receipts.fingerprint_files(ROOT, place)
    paths = stage_outputs(ROOT, spec)
    if spec.get("in_place"):
        enter_in_place(spec, inputs)
    remove_if_there(receipts.receipt_path(ROOT, spec))  # not before: a run that is refused leaves all as it was
    began = time.time()
    code, log = run_command(spec, paths, lock)
    left_items_out = spec.get("always") and code == LEFT_ITEMS_OUT and all(map(receipts.list_files, paths.values()))
    if code == 0 or left_items_out:
        for name, place in spec["outputs"].items():
            if not os.path.exists(paths[name]):
                say("error: stage {} ended well but wrote no {}".format(stage, place["path"]))
                return 4
        move_into_place(ROOT, spec, paths)
        if not spec.get("always"):
            receipts.write_receipt(ROOT, spec, inputs, code_hashes, time.time() - began)
            made = described_outputs(spec)
            say("{}  done in {}{}".format(stage, format_duration(time.time() - began), made and " -> " + made))
        return DONE_WITH_ITEMS_LEFT_OUT if code else 0
    discard(spec, paths)
    if code in EXPLAINED or code == INTERRUPTED:
        return code
    tell_failure(spec, code, log)
    return 4


def described_outputs(spec):
    """Return the paths of a spec's outputs as one phrase."""
    return ", ".join(place["path"] for _, place in sorted(spec["outputs"].items()))


def take_lock(spec):
    """Take the stage's lock and return its file; end with a sentence when another job holds it."""
    path = os.path.join(ROOT, "output", spec["run"], ".locks", spec["stage"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = open(path, "a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "another run"
        fail(
            "{} is being written by {}".format(described_outputs(spec), holder),
            hint="wait for it to end, stop it, or use another NAME",
            exit_code=4,
        )
    file.truncate(0)
    file.write("stage {}, process {}, since {}".format(spec["stage"], os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S")))
    file.flush()
    return file


def enter_in_place(spec, inputs):
    """Prepare the folder of a stage that resumes in place; refuse to continue what was begun otherwise.

    "identity" names the inputs and settings that must not change under what is there already: a
    detector half trained on other images or classes would be neither the old one nor the new one. They may
    change as long as none of the files of its "once" is there: nothing was made of them yet.
    """
    (place,) = spec["outputs"].values()
    folder = os.path.join(ROOT, place["path"])
    marker = os.path.join(ROOT, "output", spec["run"], ".receipts", spec["stage"] + ".begun.json")
    identity = {name: receipts.digest_files(inputs[name]) for name in spec["identity"]["inputs"]}
    identity.update({name: spec["settings"].get(name) for name in spec["identity"]["settings"]})
    begun = receipts.read_json(marker)
    once = [os.path.join(folder, name) for name in spec["identity"].get("once", [""])]
    if os.path.isdir(folder) and spec.get("fresh"):
        kept = "{}.{}".format(place["path"], time.strftime("%Y-%m-%dT%H-%M-%S"))
        os.rename(folder, os.path.join(ROOT, kept))
        say("{}  starts over; the old run is kept as {}".format(spec["stage"], kept))
    elif any(map(os.path.exists, once)) and begun is not None and any(begun.get(n) != identity[n] for n in identity):
        changed = sorted(name for name in identity if begun.get(name) != identity[name])
        told = [
            "{} ({}, now {})".format(name, begun.get(name) or "none", identity[name] or "none")
            if name in spec["identity"]["settings"]
            else describe_other_files(name, begun.get("files", {}).get(name), inputs[name])
            for name in changed
        ]
        fail(
            "{} was begun with other {}".format(place["path"], " and ".join(told)),
            hint="start over with FRESH=1 (the old run is kept under a dated name), or choose another NAME",
            exit_code=2,
        )
    os.makedirs(folder, exist_ok=True)
    files = {
        name: {path: {"sha256": one["sha256"]} for path, one in inputs[name].items()}
        for name in spec["identity"]["inputs"]
    }
    receipts.write_json(marker, dict(identity, files=files))
    for source, target in spec.get("copies", {}).items():
        shutil.copyfile(os.path.join(ROOT, source), os.path.join(ROOT, target))


def describe_other_files(name, before, now):
    """Name an input that is not the one a folder was begun with, and the first of its files that differs."""
    difference = receipts.files_difference(name, before, now) if before else None
    if difference and difference.startswith(name + "/label_map.pbtxt"):
        difference = "another class list: " + difference
    return "{} ({})".format(name, difference) if difference else name


def full_command(spec, paths):
    """Return the argument list with every {name} replaced by its path, relative to the root where it lies within.

    The dataset's is absolute: its jobs call it as the user does, and must know it from a word in a message.
    """
    for name, place in spec["inputs"].items():
        paths = dict(paths, **{name: receipts.resolve_path(ROOT, place["path"])})
    datasets = [name for name, place in spec["inputs"].items() if place["path"] == receipts.DATASET]
    command = []
    for word in spec["command"]:
        for name, path in paths.items():
            is_within = path.startswith(ROOT) and name not in datasets
            word = word.replace("{" + name + "}", os.path.relpath(path, ROOT) if is_within else path)
        command.append(word)
    if command[0].endswith(".mjs"):
        return [find_node()] + command
    return [sys.executable] + command


def run_command(spec, paths, lock):
    """Start the stage's script and wait for it; return its exit code and its log's path.

    It runs in a session of its own and gets every interrupt exactly once, from here, whether a
    terminal, `docker stop` or a scheduler sent it.
    """
    log = os.path.join(ROOT, "output", spec["run"], "logs", spec["stage"] + ".log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    screen = os.dup(sys.stderr.fileno())
    environment = dict(os.environ, ODPIPE_SCREEN_FD=str(screen), PYTHONUNBUFFERED="1")
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    with open(log, "wb") as log_file:
        command = full_command(spec, paths)
        log_file.write(("$ " + " ".join(command) + "\n").encode("utf-8"))
        log_file.flush()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            pass_fds=(screen, lock.fileno()),
            preexec_fn=die_with_parent,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
        code = child.wait()
    return (INTERRUPTED if code == -signal.SIGINT else code), os.path.relpath(log, ROOT)


def die_with_parent():
    """Ask Linux to interrupt the script when this process dies without a word (kill -9)."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def tell_failure(spec, code, log):
    """Say which stage failed, how, and what its log ends with."""
    how = "exit {}".format(code) if code >= 0 else "killed by signal {}".format(-code)
    out_of_memory = code in KILLED_FOR_MEMORY
    if out_of_memory:
        how += ", often out of memory"
    with open(os.path.join(ROOT, log), encoding="utf-8", errors="replace") as file:
        tail = file.read().splitlines()[-LOG_TAIL_LINES:]
    say("error: stage {} failed in {} ({}); last lines:".format(spec["stage"], spec["image"], how))
    for line in tail:
        say("  | " + line[:300])
    figures = out_of_memory and find_memory(spec)
    if figures:
        say("hint: {}; all of the log: {}".format(memory.advise(figures), log))
    else:
        say("hint: all of it: {}".format(log))


def find_memory(spec):
    """Find what a script wrote of its memory into a folder of its outputs; None when there is nothing."""
    for place in spec["outputs"].values():
        figures = memory.read_memory(os.path.join(ROOT, place["path"], "memory.json"))
        if figures:
            return figures
    return None


if __name__ == "__main__":
    main()
