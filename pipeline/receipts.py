"""Is a stage up to date, and if not, why?

A job is described by a spec, a JSON file that the planner writes:

    {"stage": "freeze", "image": "odapi", "run": "cats",
     "command": ["container_scripts/freeze.py", "--train-dir", "{train}", "--frozen-dir", "{frozen}"],
     "settings": {...}, "code": ["container_scripts/freeze.py"],
     "inputs":  {"train": {"path": "output/cats/train", "only": ["checkpoint", "*.index"]}},
     "outputs": {"frozen": {"path": "output/cats/frozen"}}}

When the job has ended well, a receipt says what it read and wrote (size, time and SHA-256 of each
file). The stage is up to date as long as all of that is still so. Size and time are compared first,
so that nothing is read twice: a second `make export` takes a fraction of a second.

Both backends share the receipts, so this file is read by Python 3.6 inside the images: standard
library only.
"""

import fnmatch
import hashlib
import json
import os
import shutil
from typing import Any, Dict, List, Optional, Tuple

Spec = Dict[str, Any]
Files = Dict[str, Dict[str, Any]]  # {relative path: {"size", "mtime_ns", "sha256"}}

# The dataset may lie anywhere: its path is this word in a spec, and an environment variable where the job runs.
DATASET = "$DATASET"


def resolve_path(root: str, path: str) -> str:
    """Return the real path of a spec's path: below `root`, or the dataset's own folder."""
    if path == DATASET:
        path = os.environ.get("ODPIPE_DATASET_DIR") or "input/supervisely"
    return os.path.join(root, path)


def spec_path(root: str, run: str, stage: str) -> str:
    """Return where the planner leaves the spec of a stage."""
    return os.path.join(root, "output", run, ".jobs", stage + ".json")


def receipt_path(root: str, spec: Spec) -> str:
    """Return where the receipt of a spec's stage is kept."""
    return os.path.join(root, "output", spec["run"], ".receipts", spec["stage"] + ".json")


def read_json(path: str) -> Any:
    """Read a JSON file; None when it is missing or torn."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write_json(path: str, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = "{}.{}.partial".format(path, os.getpid())
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")
    os.replace(partial, path)


def list_files(path: str, only: Optional[List[str]] = None) -> Dict[str, str]:
    """Return {relative path: absolute path} of a file, or of a folder's files (`only`: name patterns).

    Hidden files and folders are not looked at; a file by itself has the relative path ".".
    """
    if os.path.isfile(path):
        return {".": path}
    found = {}
    for folder, folders, names in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            relative = os.path.relpath(os.path.join(folder, name), path)
            if name.startswith(".") or (only and not any(fnmatch.fnmatch(relative, one) for one in only)):
                continue
            found[relative] = os.path.join(folder, name)
    return found


def hash_file(path: str) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def fingerprint_files(root: str, place: Dict[str, Any], known: Optional[Files] = None) -> Files:
    """Return {relative path: {"size", "mtime_ns", "sha256"}} of a spec's input or output.

    A file whose size and time are as in `known` keeps the hash that stands there.
    """
    known = known or {}
    result = {}  # type: Files
    for relative, path in sorted(list_files(resolve_path(root, place["path"]), place.get("only")).items()):
        status = os.stat(path)
        entry = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}  # type: Dict[str, Any]
        before = known.get(relative, {})  # type: Dict[str, Any]
        same = before.get("size") == entry["size"] and before.get("mtime_ns") == entry["mtime_ns"]
        entry["sha256"] = before["sha256"] if same else hash_file(path)
        result[relative] = entry
    return result


def digest_files(files: Files) -> str:
    """Return one SHA-256 of a fingerprint: the files' names and contents, not their times."""
    lines = ["{} {}\n".format(entry["sha256"], relative) for relative, entry in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def hash_code(root: str, spec: Spec) -> Dict[str, Optional[str]]:
    """Return {path: SHA-256} of the files that are the code of a stage; None for one that is gone."""
    paths = {path: os.path.join(root, path) for path in spec.get("code", [])}
    return {path: hash_file(full) if os.path.isfile(full) else None for path, full in paths.items()}


def flatten(settings: Dict[str, Any], prefix: str = "") -> Dict[str, Any]:
    """Return nested settings as {"a.b": value}."""
    flat = {}  # type: Dict[str, Any]
    for key, value in settings.items():
        if isinstance(value, dict):
            flat.update(flatten(value, prefix + key + "."))
        else:
            flat[prefix + key] = value
    return flat


def settings_difference(before: Dict[str, Any], now: Dict[str, Any]) -> Optional[str]:
    """Say in a few words how settings differ; None when they do not."""
    before, now = flatten(before), flatten(now)
    changed = sorted(key for key in set(before) | set(now) if before.get(key) != now.get(key))
    if not changed:
        return None
    shown = ["{} {} -> {}".format(key, before.get(key, "unset"), now.get(key, "unset")) for key in changed[:3]]
    more = "" if len(changed) <= 3 else " and {} more".format(len(changed) - 3)
    return ", ".join(shown) + more


def files_difference(label: str, before: Files, now: Files) -> Optional[str]:
    """Say in a few words how two fingerprints differ; None when their contents are equal."""
    changed = [
        name
        for name in sorted(set(before) | set(now))
        if before.get(name, {}).get("sha256") != now.get(name, {}).get("sha256")
    ]
    if not changed:
        return None
    name = changed[0]
    what = "is new" if name not in before else "is gone" if name not in now else "changed"
    more = "" if len(changed) == 1 else " (and {} more)".format(len(changed) - 1)
    return "{} {}{}".format(label if name == "." else label + "/" + name, what, more)


def staleness(root: str, spec: Spec) -> Optional[str]:
    """Return why a stage has to run, in a few words; None when it is up to date."""
    if spec.get("always"):
        return "runs each time"
    if spec.get("in_place") and spec.get("fresh"):
        return "starts over, as asked"
    if spec.get("until") and not spec.get("fresh") and os.path.exists(os.path.join(root, spec["until"])):
        return None
    receipt = read_json(receipt_path(root, spec))
    if receipt is None:
        return "has not run yet"
    settings = settings_difference(receipt["settings"], spec["settings"])
    if settings:
        return "settings changed: " + settings
    for path, digest in sorted(hash_code(root, spec).items()):
        if receipt["code"].get(path) != digest:
            return "code changed: " + path
    for group in ("inputs", "outputs"):
        for name, place in sorted(spec[group].items()):
            before = receipt[group].get(name, {})
            label = name if place["path"] == DATASET else place["path"]
            difference = files_difference(label, before, fingerprint_files(root, place, before))
            if difference:
                return difference
    return None


def _is_there(root: str, spec: Spec, name: str) -> bool:
    """Whether any file of an input is there; what a stage is skipped without is what the first name pattern says."""
    place = spec["inputs"][name]
    only = place.get("only")
    if only and name in spec.get("skip_without", {}):
        only = only[:1]
    return bool(list_files(resolve_path(root, place["path"]), only))


def find_skip(root: str, spec: Spec, insist: bool = False) -> Optional[str]:
    """Return why a stage has nothing to do; None when it has.

    What it cannot work without (`skip_without`) counts unless its user `insists`: then it is a missing input.
    """
    if spec.get("skip") or insist:
        return spec.get("skip")
    reasons = spec.get("skip_without", {})
    missing = [name for name in sorted(reasons) if not _is_there(root, spec, name)]
    return reasons[missing[0]] if missing else None


def drop_what_is_untrue(root: str, spec: Spec) -> List[str]:
    """Remove what a stage made of inputs that are others now, when it is skipped and cannot make it again.

    Figures of a model that is no longer there must not stand beside the new one. Inputs that are gone altogether
    prove nothing; only files as the stage left them are removed. Returns their places.
    """
    receipt = read_json(receipt_path(root, spec))
    if receipt is None:
        return []
    changed = [
        name
        for name, place in spec["inputs"].items()
        if name not in spec.get("skip_without", {})
        and files_difference("", receipt["inputs"].get(name, {}), fingerprint_files(root, place))
    ]
    removed = []
    for name, place in sorted(spec["outputs"].items()) if changed else ():
        if files_difference("", receipt["outputs"].get(name, {}), fingerprint_files(root, place)) is None:
            path = resolve_path(root, place["path"])
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.remove(path)
            removed.append(place["path"])
    return removed


def find_missing_input(root: str, spec: Spec) -> Optional[Tuple[str, Optional[str], int]]:
    """Return what to tell of the first input of which no file is there: message, hint, exit code."""
    for name, place in sorted(spec["inputs"].items()):
        if place.get("optional") or _is_there(root, spec, name):
            continue
        hint = spec["hints"].get(name)
        if place["path"] == DATASET:
            return "no dataset at " + os.environ.get("DATASET", "input/supervisely"), hint, 3
        shown = place["path"] + ("/" + place["only"][0] if place.get("only") else "")
        return "stage {} needs {}".format(spec["stage"], shown), hint, 4
    return None


def write_receipt(
    root: str, spec: Spec, inputs: Dict[str, Files], code: Dict[str, Optional[str]], seconds: float
) -> None:
    """Write down that a stage ended well: what it read (`inputs` and `code`, as before it ran) and wrote."""
    write_json(
        receipt_path(root, spec),
        {
            "stage": spec["stage"],
            "settings": spec["settings"],
            "code": code,
            "inputs": inputs,
            "outputs": {name: fingerprint_files(root, place) for name, place in spec["outputs"].items()},
            "seconds": round(seconds, 1),
        },
    )
