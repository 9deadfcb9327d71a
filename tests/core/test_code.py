"""Which files are the code of a stage: what its script imports, wherever the import stands."""

from __future__ import annotations

import ast
from pathlib import Path

from pipeline.code import find_code, imported_modules

SCRIPT = '''
"""import nothing.of.this"""
import os, pipeline.a
from pipeline import b

def main():
    if True:
        try:
            from room import late
        except ImportError:
            import beside
        else:
            import pipeline.c
    with open("x"):
        from . import relative
    return "import neither.that"
'''


def test_imports_are_found_in_every_block_and_in_no_text() -> None:
    assert set(imported_modules(ast.parse(SCRIPT))) == {
        "os", "pipeline.a", "pipeline", "pipeline.b", "room", "room.late", "beside", "pipeline.c",
    }  # fmt: skip


def test_the_code_of_a_script_is_what_it_imports_once_and_in_plain_paths(tmp_path: Path) -> None:
    files = {
        "scripts/run.py": SCRIPT, "scripts/beside.py": "import pipeline.a", "scripts/room/late.py": "import other",
        "scripts/room/other.py": "", "pipeline/__init__.py": "", "pipeline/a.py": "import pipeline.b",
        "pipeline/b.py": "import pipeline.a", "pipeline/unused.py": "",
        "scripts/page.mjs": "import x from './room/y.js';", "scripts/room/y.js": "import './../page.mjs'",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert find_code(tmp_path, "scripts/run.py") == (
        "pipeline/__init__.py", "pipeline/a.py", "pipeline/b.py", "scripts/beside.py", "scripts/room/late.py",
        "scripts/room/other.py", "scripts/run.py",
    )  # fmt: skip
    assert find_code(tmp_path, "scripts/page.mjs") == ("scripts/page.mjs", "scripts/room/y.js")


def test_a_script_that_was_changed_is_read_again(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    (tmp_path / "a.py").write_text("")
    script.write_text("")
    assert find_code(tmp_path, "run.py") == ("run.py",)
    script.write_text("import a")
    assert find_code(tmp_path, "run.py") == ("a.py", "run.py")
