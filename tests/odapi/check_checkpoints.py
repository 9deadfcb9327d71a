"""Everything about checkpoints that takes no training, in one TensorFlow process; prints {check: what was found}.

python check_checkpoints.py FOLDER
"""

import contextlib
import io
import json
import os
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "container_scripts")]

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from checkpoints import (  # noqa: E402
    best_checkpoint,
    checkpoint_choice,
    checkpoint_files,
)
from training import metrics_files  # noqa: E402

CONFIG = """model {{ ssd {{ num_classes: 1 }} }}
{rewriter}
"""
REWRITER = "graph_rewriter { quantization { delay: 200 } }"


class Result:
    """The part of an evaluation that best_checkpoint reads."""

    def __init__(self, score):
        self.map, self.map_50, self.images = score, score, 1


def save(folder, step, value=1.0, quantized=False):
    """Save a checkpoint of one large variable."""
    os.makedirs(folder, exist_ok=True)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.Variable(np.full([1000], value, np.float32), name="act_quant/w" if quantized else "w")
        tf.Variable(np.int64(step), name="global_step")
        session.run(tf.compat.v1.global_variables_initializer())
        path = os.path.join(folder, "model.ckpt")
        return tf.compat.v1.train.Saver().save(session, path, global_step=step, write_meta_graph=False)


def run(folder, rewriter=REWRITER, scores=(), steps=(100, 200, 300)):
    """Make a run's folder: a checkpoint each step, the scores offered as their evaluations."""
    for step in steps:
        save(folder, step, quantized=bool(rewriter) and step > 200)
    with open(os.path.join(folder, "pipeline.config"), "w") as file:
        file.write(CONFIG.format(rewriter=rewriter))
    best = best_checkpoint.BestCheckpoint(folder)
    for step, score in scores:
        prefix = os.path.join(folder, f"model.ckpt-{step}")
        best.offer(prefix, step, checkpoint_files.is_quantized(prefix), Result(score))
    return folder


def truncate(prefix, suffix, size):
    """Cut a file of a checkpoint, under a name of its own: the best one may be the same file."""
    path = prefix + suffix
    shutil.copyfile(path, path + ".cut")
    os.replace(path + ".cut", path)
    with open(path, "r+b") as file:
        file.truncate(size)


def told(function, *words):
    """Call a function; give its result without the folder, and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        from pipeline.report import screen

        screen._screen = sys.stderr
        try:
            result = function(*words)
        except SystemExit as end:
            result = f"exit {end.code}"
    shorten = lambda text: text.replace(words[0] + "/", "").replace(words[0], "RUN")  # noqa: E731
    return [shorten(str(result)), [shorten(line) for line in said.getvalue().splitlines()]]


def check_torn(folder):
    """A checkpoint cut anywhere, without its data, or with values that are no numbers is passed over."""
    data = ".data-00000-of-00001"
    found = {}
    for name, spoil in (
        ("data", lambda prefix: truncate(prefix, data, 2000)),
        ("empty data", lambda prefix: truncate(prefix, data, 0)),
        ("no data", lambda prefix: os.remove(prefix + data)),
        ("index", lambda prefix: truncate(prefix, ".index", 60)),
        ("empty index", lambda prefix: truncate(prefix, ".index", 0)),
        ("NaN", lambda prefix: save(os.path.dirname(prefix), 300, value=float("nan"))),
    ):
        made = run(os.path.join(folder, "torn " + name), rewriter="")
        spoil(os.path.join(made, "model.ckpt-300"))
        found[name] = told(checkpoint_files.find_checkpoint, made)
    return found


def check_choice(folder):
    """Which checkpoint each word chooses, in runs with another history."""
    found = {}
    runs = {
        "float": run(os.path.join(folder, "float"), "", [(100, 0.2), (200, 0.4), (300, 0.3)]),
        "quantized": run(os.path.join(folder, "quantized"), REWRITER, [(100, 0.2), (200, 0.9), (300, 0.3)]),
        "not yet": run(os.path.join(folder, "not yet"), REWRITER, [(100, 0.2)], steps=(100, 200)),
        "unevaluated since": run(os.path.join(folder, "since"), REWRITER, [(200, 0.9)]),
        "never evaluated": run(os.path.join(folder, "never"), ""),
        "empty": run(os.path.join(folder, "empty"), "", steps=()) if os.makedirs(folder + "/empty") is None else None,
    }
    for name, made in runs.items():
        found[name] = {wanted: told(checkpoint_choice.choose, made, wanted) for wanted in ("best", "last", "100", "7")}
    path = os.path.join(runs["float"], "model.ckpt-300")
    found["path"] = [
        told(checkpoint_choice.choose, runs["float"], wanted) for wanted in (path, path + ".index", "no/x")
    ]
    os.remove(os.path.join(runs["float"], "model.ckpt-200.index"))  # rotated away
    found["rotated"] = told(checkpoint_choice.choose, runs["float"], "best")
    found["rotated by step"] = told(checkpoint_choice.choose, runs["float"], "200")
    truncate(os.path.join(runs["float"], "best", "model.ckpt-200"), ".data-00000-of-00001", 10)
    found["torn best"] = told(checkpoint_choice.choose, runs["float"], "best")
    return found


def check_kills(folder):
    """Kill the offer of a better checkpoint before each of its writes: the old best one stays whole until the end."""
    found = []
    for kill_at in range(8):
        made = run(os.path.join(folder, f"kill{kill_at}"), "", [(100, 0.2)])
        best, left = best_checkpoint.BestCheckpoint(made), [kill_at]
        real = {name: getattr(os, name) for name in ("link", "replace", "remove")}

        def dying(name, real=real, left=left):
            def call(*words):
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                return real[name](*words)

            return call

        for name in real:
            setattr(os, name, dying(name))
        try:
            best.offer(os.path.join(made, "model.ckpt-200"), 200, False, Result(0.5))
            ended = True
        except KeyboardInterrupt:
            ended = False
        finally:
            for name, function in real.items():
                setattr(os, name, function)
        entry = best_checkpoint.BestCheckpoint(made).entry  # as the next run begins
        names = sorted(os.listdir(os.path.join(made, "best")))
        damage = checkpoint_files.describe_damage(os.path.join(made, entry["prefix"]))
        found.append([ended, entry["step"], damage, names])
    return found


def check_surplus(folder):
    """What kills between writing a checkpoint and removing an old one have left goes with the next save."""
    made = run(folder, "", [(100, 0.2)], steps=(100, 200, 300, 400, 500))
    checkpoint_files.remove_surplus(made, 2)
    names = sorted(name for name in os.listdir(made) if name.startswith("model.ckpt"))
    return [names, sorted(os.listdir(os.path.join(made, "best")))]


def check_metrics(folder):
    """metrics.jsonl after a kill: torn and later lines are gone, evaluations are known, patience is counted."""
    path = os.path.join(folder, "metrics.jsonl")
    lines = [{"step": 10, "loss": 1.0}, {"step": 10, "map": 0.1, "map_50": 0.2, "quantized": False}]
    lines += [{"step": 20, "map": 0.3, "map_50": 0.2, "quantized": False}, {"step": 20, "loss": 1.0}]
    lines += [{"step": 30, "map": 0.3, "map_50": 0.2, "quantized": False}, {"step": 40, "loss": 1.0}]
    lines += [{"step": 40, "map": 0.2, "map_50": 0.2, "quantized": False}, {"step": 50, "loss": 1.0}]
    with open(path, "w") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 5')
    metrics = metrics_files.MetricsFiles(folder, 40)
    counts = [metrics.count_without_better(quantized) for quantized in (False, True)]
    metrics.add_evaluation(60, True, Result(0.01), 1.0)
    counts += [metrics.count_without_better(quantized) for quantized in (False, True)]
    with open(path) as file:
        kept = [json.loads(line)["step"] for line in file]
    return {"kept": kept, "counts": counts, "evaluated": [metrics.is_evaluated(step) for step in (40, 50, 60)]}


if __name__ == "__main__":
    folder = sys.argv[1]
    checks = {
        "torn": check_torn,
        "choice": check_choice,
        "kills": check_kills,
        "metrics": check_metrics,
        "surplus": check_surplus,
    }
    answers = {}
    for name, check in checks.items():
        os.makedirs(os.path.join(folder, name))
        answers[name] = check(os.path.join(folder, name))
    print(json.dumps(answers))
