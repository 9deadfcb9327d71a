"""Which file of this machine an address of the page names; everything else is refused.

    /  /style.css  /js/app.js        the page: web/
    /tfjs/tf-core.js                 TensorFlow.js: single files of node_modules, listed below
    /models/cats/fast/model.json     a model: output/cats/tensorflow_js/fast/model.json

An address is decoded once and taken apart before anything looks at a disk: no `..`, no hidden name, no NUL, no
backslash, no slash that was hidden as %2F. What remains must be an ordinary file that, with all links followed, lies
where it seems to lie. Python 3.6 and standard library only.
"""

import os
import re
import stat
from urllib.parse import unquote

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
}
PAGE_TYPES = (".html", ".css", ".js", ".svg")
MODEL_TYPES = (".js", ".json", ".bin")
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
"""As pipeline/workspace.py has it: no name of a run begins with a dot."""

_PACKAGES = "@tensorflow/tfjs-"
_WASM = ("tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm")
TFJS_FILES = {
    "tf-core.js": _PACKAGES + "core/dist/tf-core.es2017.min.js",
    "tf-converter.js": _PACKAGES + "converter/dist/tf-converter.es2017.min.js",
    "tf-backend-cpu.js": _PACKAGES + "backend-cpu/dist/tf-backend-cpu.es2017.min.js",
    "tf-backend-wasm.js": _PACKAGES + "backend-wasm/dist/tf-backend-wasm.es2017.min.js",
    "tf-backend-webgl.js": _PACKAGES + "backend-webgl/dist/tf-backend-webgl.es2017.min.js",
    "tf-backend-webgpu.js": _PACKAGES + "backend-webgpu/dist/tf-backend-webgpu.es2017.min.js",
}
TFJS_FILES.update((name, _PACKAGES + "backend-wasm/dist/" + name) for name in _WASM)


class Site:
    """The three folders that are shown, none of which is ever written."""

    def __init__(self, page_dir, packages_dir, output_dir):
        self.page_dir = page_dir
        self.packages_dir = packages_dir
        self.output_dir = output_dir

    def find(self, target):
        """Return the path of the file that a request's target names; None when there is none to show."""
        names = split_target(target)
        if names is None:
            return None
        if names[0] == "models" and len(names) > 2:
            return self._find_in_model(names[1], names[2:])
        if names[0] == "tfjs" and len(names) == 2:
            package_file = TFJS_FILES.get(names[1])
            return ordinary_file(self.packages_dir, package_file.split("/")) if package_file else None
        if not names[-1].endswith(PAGE_TYPES):
            return None
        return ordinary_file(self.page_dir, names)

    def _find_in_model(self, run, names):
        if not RUN_NAME.match(run) or not names[-1].endswith(MODEL_TYPES):
            return None
        folder = os.path.join(self.output_dir, run, "tensorflow_js")
        # A link inside output/ that leads out of it shows nothing, whatever it leads to
        if not is_within(folder, self.output_dir):
            return None
        return ordinary_file(folder, names)


def split_target(target):
    """Take a request's target apart: ["models", "cats", "detector.js"]; None when it is no address of ours."""
    path = target.split("?", 1)[0].split("#", 1)[0]
    if not path.startswith("/"):
        return None
    if path == "/":
        return ["index.html"]
    try:
        names = [unquote(part, errors="strict") for part in path[1:].split("/")]
    except UnicodeDecodeError:
        return None
    return names if all(is_plain(name) for name in names) else None


def is_plain(name):
    """Tell whether a part of an address can be a name in a folder that is shown."""
    return bool(name) and not name.startswith(".") and not any(mark in name for mark in "/\\\0")


def ordinary_file(folder, names):
    """Return the path of an ordinary file within a folder, links followed; None when it is not there or leads out."""
    path = os.path.join(folder, *names)
    try:
        if not is_within(path, folder) or not stat.S_ISREG(os.stat(path).st_mode):
            return None
    except (OSError, ValueError):
        return None
    return os.path.realpath(path)


def is_within(path, folder):
    """Tell whether a path, with all links followed, lies within a folder."""
    real, real_folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([real, real_folder]) == real_folder
