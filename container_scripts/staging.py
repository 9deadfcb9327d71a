"""Write outputs aside and rename them when they are whole: the file half of `run_job.py`.

output/cats/.frozen.partial   what the freezing script writes
output/cats/frozen            what it is called when the script has ended well
"""

import os
import shutil


def stage_outputs(root, spec):
    """Return {output name: path that the script shall write}, clearing what a killed job left there."""
    paths = {}
    for name, place in spec["outputs"].items():
        final = os.path.join(root, place["path"])
        os.makedirs(os.path.dirname(final), exist_ok=True)
        if spec.get("in_place") or place.get("shared"):
            paths[name] = final
            continue
        if place.get("merge"):
            os.makedirs(final, exist_ok=True)
            paths[name] = os.path.join(final, ".partial")
        else:
            paths[name] = os.path.join(os.path.dirname(final), ".{}.partial".format(os.path.basename(final)))
        remove_if_there(paths[name])
    return paths


def move_into_place(root, spec, paths):
    """Rename what the script wrote over what was there."""
    if spec.get("in_place"):
        return
    for name, place in spec["outputs"].items():
        final = os.path.join(root, place["path"])
        if place.get("shared"):
            continue
        if place.get("merge"):
            for item in sorted(os.listdir(paths[name])):
                replace(os.path.join(paths[name], item), os.path.join(final, item))
            os.rmdir(paths[name])
        else:
            replace(paths[name], final)


def replace(new, final):
    """Rename a file or folder over another one, which may be a folder with content."""
    old = os.path.join(os.path.dirname(final), ".{}.old".format(os.path.basename(final)))
    remove_if_there(old)
    if os.path.lexists(final):
        os.rename(final, old)
    os.rename(new, final)
    remove_if_there(old)


def discard(spec, paths):
    """Throw away what a failed script left half-written."""
    if not spec.get("in_place"):
        for name, path in paths.items():
            if not spec["outputs"][name].get("shared"):
                remove_if_there(path)


def remove_if_there(path):
    """Remove a file or a folder of ours."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)
