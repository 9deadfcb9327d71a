"""The best checkpoint of a run by mAP on the test images, kept where no newer one pushes it out.

output/cats/train/best.json                   {"step": 900, "map": 0.52, "map_50": 0.81, "quantized": true,
                                               "prefix": "best/model.ckpt-900"}
output/cats/train/best/model.ckpt-900.index   and .data-00000-of-00001

best.json is replaced in one step after the new files are there, and the old files go after that: whenever a run is
killed, best.json names files that are whole. A quantized checkpoint always beats a float one of the same run, which
could not be exported as uint8.
"""

import glob
import json
import os
import shutil

from checkpoints import checkpoint_files


class BestCheckpoint:
    """The best so far. `entry` is what best.json says, None as long as nothing was evaluated."""

    def __init__(self, train_dir):
        """Read best.json, and remove what a killed run left beside it."""
        self._train_dir = train_dir
        self._folder = os.path.join(train_dir, checkpoint_files.BEST_FOLDER)
        self.entry = read_best(train_dir)
        self._remove_others()

    def offer(self, prefix, step, quantized, result):
        """Keep a checkpoint if it is the best so far; of equals, the one that was trained longer. Tell whether."""
        best = self.entry
        if best and (best["quantized"], best["map"]) > (quantized, result.map):
            return False
        os.makedirs(self._folder, exist_ok=True)
        kept = os.path.join(self._folder, os.path.basename(prefix))
        if os.path.abspath(kept) != os.path.abspath(prefix):
            for path in sorted(glob.glob(glob.escape(prefix) + ".*")):
                _link(path, kept + path[len(prefix) :])
        self.entry = {
            "step": step,
            "map": result.map,
            "map_50": result.map_50,
            "quantized": quantized,
            "prefix": "{}/{}".format(checkpoint_files.BEST_FOLDER, os.path.basename(kept)),
        }
        path = os.path.join(self._train_dir, "best.json")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(self.entry, file, indent=1)
            file.write("\n")
        os.replace(path + ".part", path)
        self._remove_others()
        return True

    def _remove_others(self):
        """Remove the files of earlier best ones, and those that were linked right before a kill."""
        name = os.path.basename(self.entry["prefix"]) if self.entry else None
        for path in glob.glob(os.path.join(glob.escape(self._folder), "model.ckpt-*")):
            if name is None or not os.path.basename(path).startswith(name + "."):
                os.remove(path)


def read_best(train_dir):
    """Read best.json; None where there is none or its checkpoint is gone."""
    try:
        with open(os.path.join(train_dir, "best.json"), encoding="utf-8") as file:
            entry = json.load(file)
        prefix = os.path.join(train_dir, entry["prefix"])
        return entry if os.path.exists(prefix + ".index") and {"step", "map", "quantized"} <= set(entry) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _link(source, target):
    """Give a file a second name, which costs no space; copy it where the file system has no links."""
    if os.path.exists(target):
        os.remove(target)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target + ".part")
        os.replace(target + ".part", target)
