"""Which checkpoint of a run is exported: CHECKPOINT=best, last, a step, or a path.

choose("output/cats/train", "best")    output/cats/train/best/model.ckpt-900
choose("output/cats/train", "1100")    output/cats/train/model.ckpt-1100
"""

import json
import os

from configs import model_config
from screen import fail, say

from checkpoints import best_checkpoint, checkpoint_files

BEST, LAST = "best", "last"


def choose(train_dir, wanted):
    """Give the prefix of the wanted checkpoint; fails with the list of those there are.

    The best one is the last one where nothing was evaluated, or nothing since quantization began.
    """
    there = checkpoint_files.list_all(train_dir)
    if not there and not _is_path(wanted):
        fail("no checkpoint in {}".format(train_dir), hint="make train MODEL=...", exit_code=4)
    if wanted == LAST:
        return _choose_last(train_dir)
    if wanted == BEST:
        return _choose_best(train_dir)
    named = [prefix for prefix in there if str(checkpoint_files.step_of(prefix)) == wanted]
    if _is_path(wanted):
        path = wanted[: -len(".index")] if wanted.endswith(".index") else wanted
        named = [path] if os.path.exists(path + ".index") else []
    if not named:
        fail(
            "no checkpoint {} in {}; there are: {}".format(wanted, train_dir, _describe(train_dir, there)),
            hint="CHECKPOINT=best, last, one of these steps, or the path of a checkpoint without its .index",
            exit_code=2,
        )
    damage = checkpoint_files.describe_damage(named[-1])
    if damage:
        fail("{} cannot be used: {}".format(named[-1], damage), hint="CHECKPOINT=best or last", exit_code=4)
    return named[-1]


def _is_path(wanted):
    return wanted not in (BEST, LAST) and not wanted.isdigit()


def _choose_last(train_dir):
    last = checkpoint_files.find_checkpoint(train_dir)
    if last is None:
        fail("no checkpoint in {} is whole".format(train_dir), hint="make train goes on from its start", exit_code=4)
    return last


def _choose_best(train_dir):
    entry = best_checkpoint.read_best(train_dir)
    if entry is None:
        return _choose_last(train_dir)
    best = os.path.join(train_dir, entry["prefix"])
    damage = checkpoint_files.describe_damage(best)
    if damage:
        say("the best checkpoint, {}, is not used: {}".format(best, damage))
        return _choose_last(train_dir)
    config = model_config.read_config_file(os.path.join(train_dir, "pipeline.config"))
    if config.HasField("graph_rewriter") and not entry["quantized"]:
        last = _choose_last(train_dir)
        if checkpoint_files.is_quantized(last):
            say("step {} scored best before quantization, and nothing was evaluated since".format(entry["step"]))
            return last
    return best


def _describe(train_dir, prefixes):
    """List the steps of checkpoints in a phrase: "800, 900 (best, mAP 0.520), 1000 (last)"."""
    entry = best_checkpoint.read_best(train_dir) or {}
    steps = sorted({checkpoint_files.step_of(prefix) for prefix in prefixes})
    words = []
    for step in steps:
        notes = ["best, mAP {:.3f}".format(entry["map"])] if step == entry.get("step") else []
        notes += ["last"] if step == steps[-1] else []
        words.append("{} ({})".format(step, "; ".join(notes)) if notes else str(step))
    return ", ".join(words) or "none"


def read_frozen_checkpoint(train_dir, frozen_dir):
    """Give the prefix of the checkpoint that a frozen folder was made of; fails when it is gone."""
    path = os.path.join(frozen_dir, "model.json")
    try:
        with open(path, encoding="utf-8") as file:
            prefix = os.path.join(train_dir, json.load(file)["checkpoint"])
    except (OSError, ValueError, KeyError):
        fail(
            "{} does not tell of which checkpoint the graphs beside it were made".format(path),
            hint="make freeze NAME=... makes them again",
        )
    if not os.path.exists(prefix + ".index"):
        fail(
            "the checkpoint that {} was made of is gone: {}".format(frozen_dir, prefix),
            hint="make freeze NAME=... makes it of one that is there",
            exit_code=4,
        )
    return prefix
