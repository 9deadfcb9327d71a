"""Read the names of a model's classes from the label files that people have with it: {id: name}, ids from 1.

    label_map.pbtxt    item { id: 1 name: "/m/01g317" display_name: "person" }     the display name where there is one
    labels.txt         person                    a name a line
    coco_labels.txt    0  person                 an id and a name, also 0: person and 0,person; ids may have gaps
    labels.json        ["person", "bicycle"] or {"1": "person", "2": "bicycle"}
    data.yaml          names: [person, bicycle] or {0: person, 1: bicycle}

A .pbtxt counts classes from 1. All others are read as counted from 0, as the classes in a .tflite's outputs are, so
that one is added; but where 0 is the background ("???", as in the label map of Google's starter model, "background",
"n/a"), or where the ids that are given begin at 1 or above, they count from 1 already. Places without a class ("???"
and "n/a" again, in lists of COCO) are left out.

What the formats are: pycoral's read_label_file, the Object Detection API's label_map_util, and real files:
google-coral/test_data, blakeblackshear/frigate's labelmap.txt.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.datasets.label_map import parse_items
from pipeline.errors import DataError

_LARGEST = 2**20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NUMBERED = re.compile(r"([0-9]{1,9})(?:\s*[:,;]\s*|\s+|$)(.*)")
_ITEM = re.compile(r"(?:\s|#[^\n]*\n)*item\s*:?\s*[{<]")
_NOTHING = ("???", "n/a", "")
_BACKGROUND = ("background", "__background__", *_NOTHING)
_WANTED = "give a label_map.pbtxt, or a text file with a name a line"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A name, the id that it has as it stands there, and where that is."""

    where: str
    number: int
    name: str


def read_class_names(path: Path) -> dict[int, str]:
    """Read a label file of any of these formats. Raises DataError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise DataError(f"no label file at {path}", hint=_WANTED) from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, not a label file", hint=_WANTED) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return _parse(content, str(path), path.suffix.lower())


def read_packed_class_names(model: bytes) -> dict[int, str] | None:
    """Read the label file that is packed into a .tflite as a zip behind the model; None where there is none.

    That is where TensorFlow Lite Metadata has it. Raises DataError for one that is broken.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(model))
    except (zipfile.BadZipFile, NotImplementedError):
        return None
    with archive:
        labels = _find_labels(archive.infolist())
        if labels is None:
            return None
        where = f"{labels.filename}, packed into the model"
        if labels.file_size > _LARGEST:
            raise _too_large(where)
        try:
            content = archive.read(labels)
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, zlib.error) as error:
            raise DataError(f"{where}: cannot be read: {error}", hint=_WANTED) from error
    return _parse(content, where, Path(labels.filename).suffix.lower())


def _find_labels(files: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo | None:
    """Find the labels among the files of a model: others are vocabularies, or what corrects scores."""
    texts = [file for file in files if file.filename.lower().endswith((".txt", ".pbtxt"))]
    named = [file for file in texts if "label" in file.filename.lower()]
    if named or len(texts) == 1:
        return (named or texts)[0]
    return None


def _parse(content: bytes, where: str, suffix: str) -> dict[int, str]:
    text = _decode(content, where)
    if suffix == ".pbtxt" or _ITEM.match(text):
        return _parse_label_map(text, where)
    if suffix == ".json":
        entries = _parse_json(text, where)
    elif suffix in (".yaml", ".yml"):
        entries = _parse_yaml(text, where)
    else:
        entries = _parse_lines(text, where)
    names = _number(entries, where)
    if names.get(0, "").casefold() in _BACKGROUND:
        names.pop(0, None)
        return _without_gaps(names, where)
    return _without_gaps({number + 1: name for number, name in names.items()}, where)


def _decode(content: bytes, where: str) -> str:
    if len(content) > _LARGEST:
        raise _too_large(where)
    if not content.strip():
        raise DataError(f"{where}: the file is empty; wanted the names of the classes", hint=_WANTED)
    try:
        text = content.decode("utf-16" if content[:2] in _UTF16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    binary = _NO_TEXT.search(text)
    if binary:
        line = text.count("\n", 0, binary.start()) + 1
        raise DataError(f"{where}:{line}: not text: it holds the byte {ord(binary.group())}", hint=_WANTED)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _too_large(where: str) -> DataError:
    return DataError(f"{where}: more than {_LARGEST} bytes, which no list of classes has", hint=_WANTED)


def _parse_label_map(text: str, where: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for number, item in enumerate(parse_items(text, Path(where)), start=1):
        name, identifier = item.get("display_name") or item.get("name", ""), item.get("id", "")
        if not name.strip():
            raise DataError(f"{where}: item {number} has no name", hint="wanted: item { id: 1 name: 'cat' }")
        if not identifier.isdecimal() or len(identifier) > 9:
            raise DataError(
                f"{where}: item {number} ({name!r}) has id {identifier[:20] or 'nothing'}",
                hint="number the items 1, 2, 3, ...",
            )
        # The Object Detection API takes this one item of id 0, and no other
        if int(identifier) == 0 and name.casefold() in _BACKGROUND:
            continue
        if int(identifier) == 0:
            raise DataError(
                f"{where}: item {number} ({name!r}) has id 0; ids start at 1, 0 is the background",
                hint="number the items 1, 2, 3, ...",
            )
        if int(identifier) in names:
            raise _repeated(f"{where}: item {number} ({name!r})", int(identifier), names[int(identifier)])
        names[int(identifier)] = name
    return _without_gaps(names, where)


def _parse_lines(text: str, where: str) -> list[_Entry]:
    """Read lines of names, or of ids and names if all of them are. Comments may stand at the top."""
    lines = [(f"{where}:{number}", line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    while lines and (not lines[0][1] or lines[0][1].startswith("#")):
        lines.pop(0)
    while lines and not lines[-1][1]:
        lines.pop()
    numbered = [_split(place, line) for place, line in lines if line]
    entries = [entry for entry in numbered if entry is not None]
    if _is_numbered(entries, len(numbered)):
        if len(entries) < len(numbered):
            place, line = next((place, line) for place, line in lines if line and _split(place, line) is None)
            raise DataError(
                f"{place}: found {line[:60]!r}, wanted an id and a name, as on the other lines",
                hint="write its id before it, or delete the line",
            )
        return entries
    for place, line in lines:
        if not line:
            raise DataError(
                f"{place}: an empty line between names",
                hint="delete it, or write ??? there if it keeps the place of a class",
            )
    return [_Entry(place, number, line) for number, (place, line) in enumerate(lines)]


def _split(where: str, line: str) -> _Entry | None:
    match = _NUMBERED.fullmatch(line)
    return _Entry(where, int(match.group(1)), match.group(2)) if match else None


def _is_numbered(entries: Sequence[_Entry], lines: int) -> bool:
    """Say whether numbers before names are ids: "7 up" is a name, and so is 7 where there are numbers only.

    Where most lines have ids, one after the other, a line without one is a mistake.
    """
    numbers = [entry.number for entry in entries]
    begins = bool(numbers) and numbers[0] in (0, 1)
    if not any(entry.name for entry in entries):
        return False
    if len(entries) == lines:
        return begins or lines > 1
    return begins and len(entries) * 2 > lines and numbers == sorted(set(numbers))


def _parse_json(text: str, where: str) -> list[_Entry]:
    try:
        # Pairs, for a dict keeps of two equal keys the last and says nothing
        content = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}") from error
    if isinstance(content, tuple):
        content = next((value for key, value in content if key == "names"), content)
    if not isinstance(content, (list, tuple)):
        raise DataError(
            f'{where}: wanted ["person", "bicycle"] or {{"1": "person"}}, found {text.strip()[:40]!r}', hint=_WANTED
        )
    pairs = content if isinstance(content, tuple) else [(str(number), name) for number, name in enumerate(content)]
    return [_to_entry(where, key, name if isinstance(name, str) else None) for key, name in pairs]


def _parse_yaml(text: str, where: str) -> list[_Entry]:
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{where}: not YAML: {error}") from error
    if isinstance(node, yaml.MappingNode):
        node = next((value for key, value in node.value if _text_of(key) == "names"), node)
    if isinstance(node, yaml.SequenceNode):
        pairs = [(str(number), value) for number, value in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        pairs = [(_text_of(key) or "", value) for key, value in node.value]
    else:
        raise DataError(
            f"{where}: wanted names: [person, bicycle] or names: {{0: person}}, and found neither", hint=_WANTED
        )
    return [_to_entry(f"{where}:{value.start_mark.line + 1}", key, _text_of(value)) for key, value in pairs]


def _text_of(node: yaml.Node) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None


def _to_entry(where: str, key: str, name: str | None) -> _Entry:
    if not re.fullmatch("[0-9]{1,9}", key.strip()):
        raise DataError(f"{where}: {key[:40]!r} is no id of a class; wanted numbers and names", hint=_WANTED)
    if name is None:
        raise DataError(f"{where}: what class {key} is called is not a text", hint="put it into quotes")
    return _Entry(where, int(key), name.strip())


def _number(entries: Iterable[_Entry], where: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for entry in entries:
        if entry.number in names:
            raise _repeated(f"{entry.where}: {entry.name!r}", entry.number, names[entry.number])
        names[entry.number] = entry.name
    if not names:
        raise DataError(f"{where}: no names in it", hint=_WANTED)
    return names


def _repeated(what: str, number: int, before: str) -> DataError:
    return DataError(f"{what} has id {number}, which {before!r} has already", hint="give each class an id of its own")


def _without_gaps(names: dict[int, str], where: str) -> dict[int, str]:
    """Leave out the places of no class."""
    found = {number: name for number, name in names.items() if name.casefold() not in _NOTHING}
    if not found:
        raise DataError(f"{where}: no names in it", hint=_WANTED)
    return found
