"""The documents: links lead somewhere, commands and settings exist, code runs, messages are the code's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml
from typer.main import get_command

from pipeline.cli import app
from pipeline.frigate.fit import Size
from pipeline.frigate.settings import format_settings
from tests.docs import markdown
from tests.docs.markdown import DOCUMENTS, ROOT, name_of
from tests.project import shared_data

DEPLOY = sorted((ROOT / "docs/deploy").glob("*.md"))
ERRORS = ROOT / "docs/errors.md"
# `make train STEPS=20 NAME=cats`, `make detect IMAGES=dir|glob`, `make explain-drop NAME=... [IMAGES=]`
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)((?: +\[?[A-Z][A-Z_]*=[^ ]*)*)")
SETTING = re.compile(r"\b([A-Z][A-Z_]*)=")
UP = re.compile(r"\bdocker compose (?:build|up|run --rm)((?: +[a-z_-]+)+)")
ODPIPE = re.compile(r"\bodpipe ([a-z][a-z-]*)([^|;&#]*)")
# In the code a command is followed by a setting; else "make it" would be one
HINT = re.compile(r"\bmake ([a-z][a-z-]*)((?: +[A-Z][A-Z_]*=[^ \"']*)+)")


def every(documents: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", documents, ids=name_of)


@every(DOCUMENTS)
def test_links_lead_to_files_and_headings_that_are_there(document: Path) -> None:
    for link in markdown.read_links(document):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in markdown.read_anchors(target), f"{link}: no such heading"


@cache
def dry_run(verb: str, setting: str = "") -> str | None:
    """Return what make would run; None for a verb that the Makefile has not."""
    done = subprocess.run(
        ["make", "-n", verb, *([f"{setting}=1"] if setting else [])], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None


def problems_of(commands: list[tuple[str, str]]) -> set[str]:
    """Say which of (verb, settings) make does not know."""
    found = set()
    for verb, settings in commands:
        if dry_run(verb) is None:
            found.add(f"make {verb}: no such target")
            continue
        for setting in SETTING.findall(settings):
            if dry_run(verb, setting) == dry_run(verb):
                found.add(f"make {verb} {setting}=: changes nothing")
    return found


@every(DOCUMENTS)
def test_make_has_every_verb_and_its_settings(document: Path) -> None:
    commands = [found for line in markdown.read_commands(document) for found in MAKE.findall(line)]
    assert problems_of(commands) == set()


def read_code(*suffixes: str) -> dict[Path, str]:
    folders = [ROOT / name for name in ("pipeline", "container_scripts", "web", "input")]
    files = [path for folder in folders for suffix in suffixes for path in folder.rglob(f"*{suffix}")]
    return {path: path.read_text(encoding="utf-8") for path in files if "__pycache__" not in path.parts}


def test_what_messages_advise_to_run_is_a_target_of_make() -> None:
    verbs = {(verb, "") for text in read_code(".py", ".mjs", ".js").values() for verb, _ in HINT.findall(text)}
    assert len(verbs) > 8
    assert problems_of(sorted(verbs)) == set()


@every(DOCUMENTS)
def test_compose_has_every_service(document: Path) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    named = [word for line in markdown.read_commands(document) for words in UP.findall(line) for word in words.split()]
    # After `run --rm SERVICE` comes a command
    assert {word for word in named if word not in (*services, "bash")} == set()


@every(DOCUMENTS)
def test_the_command_line_has_every_verb_and_flag(document: Path) -> None:
    command = get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    for line in markdown.read_commands(document):
        for verb, rest in ODPIPE.findall(line):
            assert verb in command.commands, line
            known = {flag for option in command.commands[verb].params for flag in option.opts}
            assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= known, line


@every(DEPLOY)
def test_python_code_compiles(document: Path) -> None:
    for block in markdown.read_blocks(document):
        if block.language == "python":
            compile(block.text, name_of(document), "exec")


def test_the_own_code_of_the_page_finds_what_is_in_the_photos(tmp_path: Path) -> None:
    code = next(
        block.text for block in markdown.read_blocks(ROOT / "docs/deploy/python.md") if "def detect" in block.text
    )
    source = shared_data() / "mobiledet_dogcat"
    for folder in ("tflite", "photos"):
        (tmp_path / folder).mkdir()
    shutil.copyfile(source / "ssdlite_mobiledet_dog_vs_cat.tflite", tmp_path / "tflite/detect.tflite")
    (tmp_path / "tflite/labels.txt").write_text("one\ntwo\n", encoding="utf-8")
    photos = sorted((source / "test_images").iterdir())[:2]
    for number, photo in enumerate(photos):
        shutil.copyfile(photo, tmp_path / f"photos/{number}.jpg")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(photos)
    for line in lines:
        label, score, (xmin, ymin, xmax, ymax) = eval(line.partition(" ")[2])[0]
        assert label in ("one", "two") and score > 0.85 and xmin < xmax and ymin < ymax


def test_the_settings_shown_for_frigate_are_those_that_are_written() -> None:
    (shown,) = (block for block in markdown.read_blocks(ROOT / "docs/deploy/frigate.md") if block.language == "yaml")
    written = format_settings(name="cats", labels=["cat", "dog"], size=Size(width=300, height=300), coral=False)
    assert yaml.safe_load(shown.text) == yaml.safe_load(written)


FILLED_IN = re.compile(
    r"\.\.\.|'[^']*'|\b[NM]\b|\b\d[\dx.]*\b|QUANTIZE|webgl|float32|TFLite_\w+|\bGPU\b|boxes, .*|its socket|the last,"
)


def test_messages_quoted_as_ours_are_those_of_the_code() -> None:
    """Of what stands in code after "Here" and has four words or more, the longest part that no message fills in."""
    code = " ".join(re.sub(r'"\s*\n\s*f?"', "", text) for text in read_code(".py", ".mjs", ".js").values())
    here = re.findall(r"^- \*\*Here\*\*:(.*?)(?=^- |^$|^#)", ERRORS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    quotes = [span for text in here for span in markdown.read_spans(text) if len(span.split()) > 3]
    assert len(quotes) > 20
    for quote in quotes:
        longest = max((part.strip(" ,:;()") for part in FILLED_IN.split(quote)), key=len)
        assert len(longest.split()) > 1 and longest in code, quote
