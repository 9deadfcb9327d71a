"""Kill a training again and again at random moments, then let it end. Runs in the odapi environment.

    python kill_training.py KILLS SEED LONGEST_S train.py's arguments ...

Each life is a fork of a process that has imported TensorFlow, which saves seconds; it trains as train.py does, in a
process group of its own, and gets SIGKILL up to LONGEST_S after one of its first new lines of metrics. Prints what
each life said, as JSON: [{"lines": ["resuming at step 5", ...], "code": -9, "newest": 10}, ...]; `newest` is the step
of the newest checkpoint that it left, whole or not.
"""

import json
import os
import random
import signal
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "container_scripts")]

import train  # noqa: E402
from checkpoints import checkpoint_files  # noqa: E402
from detection import checkpoint_detector  # noqa: E402, F401
from training import (  # noqa: E402
    training_graph,  # noqa: F401
    training_loop,  # noqa: F401
)


def main():
    kills, seed, longest = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    arguments = sys.argv[4:]
    train_dir = train_dir_of(arguments)
    moments = random.Random(seed)
    lives = []
    while len(lives) < kills + 1:
        moment = (moments.randint(1, 6), moments.uniform(0, longest)) if len(lives) < kills else None
        lives.append(live(arguments, train_dir, moment, train_dir + f".life{len(lives)}"))
        if lives[-1]["code"] != -signal.SIGKILL:
            break
    print(json.dumps(lives))


def train_dir_of(arguments):
    """Find the train folder among train.py's arguments."""
    return next(word.split("=", 1)[1] for word in arguments if word.startswith("--train-dir="))


def live(arguments, train_dir, moment, log):
    """Run one life and kill it so many new lines and seconds after its start; let it end when there is no moment."""
    before = count_lines(train_dir)
    child = os.fork()
    if child == 0:
        os.setsid()
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv[1:] = arguments
        code = 1
        try:
            code = train.main()
        finally:
            os._exit(code)
    ended, status = 0, 0
    if moment is not None:
        lines, seconds = moment
        while not ended and count_lines(train_dir) < before + lines:
            ended, status = os.waitpid(child, os.WNOHANG)
            before = min(before, count_lines(train_dir))  # it drops those after its checkpoint
            time.sleep(0.005)
        time.sleep(seconds)
        if not ended:
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.killpg(child, signal.SIGKILL)
    if not ended:
        _, status = os.waitpid(child, 0)
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    steps = [checkpoint_files.step_of(prefix) for prefix in checkpoint_files.list_all(train_dir)]
    return {
        "lines": lines,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status),
        "newest": max(steps) if steps else 0,
    }


def count_lines(train_dir):
    """Count the lines of metrics.jsonl."""
    try:
        with open(os.path.join(train_dir, "metrics.jsonl"), "rb") as file:
            return file.read().count(b"\n")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
