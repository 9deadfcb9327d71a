"""What an enemy does to any dataset: each attack changes a copy of a sample, whatever its format.

An attack returns whether it found anything to change. Names of images are looked for in whatever is text, because
every format has them somewhere else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import google_crc32c

from pipeline.datasets.files.tree import is_image_name
from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames, to_frame
from tests.hostile.pictures import HUGE, png

Attack = Callable[[Path], bool]
RECORD = re.compile(r"\.t?f?records?(-\d+-of-\d+)?$")
DEEP = 10**6
LONG = 500 * 10**6
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)) + "]>"
)
EXTERNAL = '<!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % d SYSTEM "file:///etc/passwd"> %d; <!ENTITY a11 "cat">]>'
YAML_LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))


def files_of(root: Path, *suffixes: str) -> list[Path]:
    """List the files of a dataset with these suffixes."""
    return sorted(path for path in root.rglob("*") if path.is_file() and path.name.lower().endswith(suffixes))


def images_of(root: Path) -> list[Path]:
    """List the image files of a dataset."""
    return sorted(path for path in root.rglob("*") if path.is_file() and is_image_name(path.name))


def texts_of(root: Path) -> list[Path]:
    """List the annotation files of a dataset that are text."""
    return files_of(root, ".json", ".xml", ".csv", ".txt", ".yaml", ".yml", ".names", ".pbtxt", ".data")


def records_of(root: Path) -> list[Path]:
    """List the TFRecords of a dataset."""
    return sorted(path for path in root.rglob("*") if path.is_file() and RECORD.search(path.name))


def rename_images(name: str) -> Attack:
    """Make an attack that calls images by this name wherever annotations have one."""

    def attack(root: Path) -> bool:
        names = {path.name for path in images_of(root)}
        changed = False
        for path in texts_of(root):
            before = path.read_text(encoding="utf-8")
            text = before
            for image in names:
                new = json.dumps(name)[1:-1] if path.suffix == ".json" else name
                text = re.sub(rf"[^\"<>\s,=]*{re.escape(image)}(?!\.)", lambda _, new=new: new, text)
            path.write_text(text, encoding="utf-8")
            changed |= text != before
        for path in records_of(root):
            rewrite_records(path, {key: [name.encode()] for key in ("image/filename", "image/source_id")})
            changed = True
        return changed

    return attack


def rewrite_records(path: Path, features: dict[str, list[bytes]]) -> None:
    """Write a record file anew with other byte features."""
    frames = []
    for data in read_frames(path):
        example = {**decode_example(data), **features}
        kinds: dict[type, dict[str, list[object]]] = {bytes: {}, float: {}, int: {}}
        for key, values in example.items():
            if values:
                kinds[type(values[0])][key] = list(values)
        packed = encode_example(byte_lists=kinds[bytes], float_lists=kinds[float], int_lists=kinds[int])  # type: ignore[arg-type]
        frames.append(b"".join(to_frame(packed)))
    path.write_bytes(b"".join(frames))


def replace_numbers(number: str) -> Attack:
    """Make an attack that replaces every number of the annotations."""

    def attack(root: Path) -> bool:
        for path in texts_of(root):
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r"(?<![\w.\"-])-?\d+(\.\d+)?(?![\w.])", number, text), encoding="utf-8")
        return bool(texts_of(root))

    return attack


def nest(root: Path) -> bool:
    """Nest JSON and YAML a million deep: as all there is, and within what looks right."""
    paths = files_of(root, ".json", ".yaml", ".yml")
    for number, path in enumerate(paths):
        text = path.read_text(encoding="utf-8").rstrip()
        if path.suffix != ".json":
            text = "names: " + "[" * DEEP + "]" * DEEP
        elif number % 2 or not text.endswith("}"):
            text = "[" * DEEP
        else:
            text = '{"deep": ' + '{"a":[' * (DEEP // 2) + "]}" * (DEEP // 2) + "," + text[1:]
        path.write_text(text, encoding="utf-8")
    return bool(paths)


def declare(declaration: str, *, encoding: str = "utf-8") -> Attack:
    """Make an attack that declares XML entities and uses one as a class; for YAML, that has its own bomb."""

    def attack(root: Path) -> bool:
        paths = files_of(root, ".xml")
        for path in paths:
            text = re.sub(r"^\s*<\?xml.*?\?>", "", path.read_text(encoding="utf-8"))
            text = re.sub(r"(<name>|label=\")[^<\"]*", r"\1&a11;", text)
            path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{declaration}{text}'.encode(encoding))
        for path in files_of(root, ".yaml", ".yml"):
            path.write_text(YAML_LAUGHS + "names: *a11\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
            paths.append(path)
        return bool(paths)

    return attack


def lengthen(suffix: str) -> Attack:
    """Make an attack that replaces an annotation file by one line of 500 MB."""

    def attack(root: Path) -> bool:
        paths = files_of(root, suffix)
        if paths:
            with paths[0].open("wb") as file:
                file.write(
                    {".json": b'{"images": [{"file_name": "', ".xml": b"<annotation><filename>"}.get(suffix, b"")
                )
                for _ in range(LONG // 10**6):
                    file.write(b"7" * 10**6)
        return bool(paths)

    return attack


def blow_up_images(root: Path) -> bool:
    """Replace every image by one of 10^9 x 10^9 pixels, also those that lie inside other files."""
    bomb = png(HUGE, HUGE)
    for path in images_of(root):
        path.write_bytes(bomb)
    for path in records_of(root):
        rewrite_records(path, {"image/encoded": [bomb]})
    return True


def put_pipes(root: Path) -> bool:
    """Replace every image by a pipe, which nobody ever writes to."""
    paths = images_of(root)
    for path in paths:
        path.unlink()
        os.mkfifo(path)
    return bool(paths)


def claim_long_records(root: Path) -> bool:
    """Give every first record a length of 2^62 bytes, with its checksum."""
    for path in records_of(root):
        length = (2**62).to_bytes(8, "little")
        crc = google_crc32c.value(length)
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        path.write_bytes(length + masked.to_bytes(4, "little") + path.read_bytes()[12:])
    return bool(records_of(root))
