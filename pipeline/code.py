"""Which files are the code of a stage: a script and every file of this project that it imports.

When one of them changes, what the stage made with it is out of date.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

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
        waiting.extend(imported_files(root, path))
    return tuple(sorted(found))


def imported_files(root: Path, path: str) -> Iterator[str]:
    """Yield the project's files that one file imports."""
    text = (root / path).read_text(encoding="utf-8")
    if path.endswith((".mjs", ".js")):
        for name in JAVASCRIPT_IMPORT.findall(text):
            yield str(Path(path).parent / name)
        return
    if not path.endswith(".py"):
        return
    for module in imported_modules(ast.parse(text)):
        relative = module.replace(".", "/")
        # A script's own folder is on its path: a module beside it, or in a room of that folder, finds from there
        for folder in ("", *(f"{parent}/" for parent in Path(path).parents)):
            for candidate in (f"{folder}{relative}.py", f"{folder}{relative}/__init__.py"):
                if (root / candidate).is_file():
                    yield candidate


def imported_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the absolute names of imported modules; `from a import b` gives a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
