"""Which files are the code of a stage: a script and every file of this project that it imports.

When one of them changes, what the stage made with it is out of date.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

JAVASCRIPT_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*['"](\./[^'"]+)['"]""")


def find_code(root: Path, *entries: str) -> tuple[str, ...]:
    """Return the paths, relative to `root`, of `entries` and all that they import, sorted."""
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        # Stages share most of what they import, and a file is read once
        waiting.extend(_read_imports(str(root), path, os.stat(os.path.join(root, path)).st_mtime_ns))
    return tuple(sorted(found))


@cache
def _read_imports(root: str, path: str, mtime_ns: int) -> tuple[str, ...]:
    """Return the project's files that one file imports, relative to the root."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    folder = os.path.dirname(path)
    if path.endswith((".mjs", ".js")):
        return tuple(os.path.normpath(os.path.join(folder, name)) for name in JAVASCRIPT_IMPORT.findall(text))
    if not path.endswith(".py"):
        return ()
    # A script's own folder is on its path: a module beside it, or in a room of that folder, finds from there
    folders = ["", *(str(parent) for parent in PurePosixPath(path).parents if parent.name)]
    candidates = [
        os.path.join(folder, module.replace(".", "/") + ending)
        for module in sorted(set(imported_modules(ast.parse(text))))
        for folder in folders
        for ending in (".py", "/__init__.py")
    ]
    return tuple(name for name in candidates if os.path.isfile(os.path.join(root, name)))


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the absolute names of imported modules; `from a import b` gives a and a.b."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        # An import is a statement, and statements stand in these only: nothing looks into expressions
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                waiting.extend(inner)
