"""Small random changes to the files of a dataset, made with an eye for what is in them.

A dataset in memory is {relative path: content}. `mutate` changes a few of its files: bytes anywhere, or the values of
JSON, elements of XML, cells of CSV, words of lines, features of records, headers of images, names of files.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from pipeline.datasets.files.tree import is_image_name
from pipeline.errors import PipelineError
from tests.fuzz.records import mutate_record
from tests.hostile.attacks import RECORD

Files = dict[str, bytes]
NUMBERS = (
    "0", "1", "-1", "2", "0.5", "1.0000001", "-0.0", "1e-9", "39.5", "40", "41", "65536", "2147483648", "1e9", "1e308",
    "1e309", "-1e309", "9" * 30, "9" * 5000, "NaN", "Infinity", "-Infinity", "nan", "0x10", "1_0", "1,5", "٣", "",
    " 7 ", "+3", "1e",
)  # fmt: skip
WORDS = (
    "", " ", "cat", "Cat", "cat ", "été", "e\u0301te\u0301", "\ud800", "\0", "\n", "a\nb", '"', "'", "\\", "a.jpg",
    "../a.jpg", "/etc/passwd", "C:\\a.jpg", "a%20b.jpg", "%00", "%", "x" * 300, "train", "val", "..", ".", "a/b.jpg",
    "A.JPG", "null", "&amp;", "<a>", "]]>", "{}", "[]", "true", "-", "#", ":", "🐱", "\u202e", "\ufeff", "0",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 1e300, -0.0, 2**31, 2**63, 2**64, 10**30, float("nan"), float("inf"), "", "cat",
    "0", "1", "\ud800", [], {}, [[]], [0, 0, 1, 1], [None], {"a": 1}, "x" * 300, [1, 2, 3], [[1, 2], [3, 4]],
    [[0, 0, 5, 0, 5, 5]], {"counts": "abc", "size": [3, 4]}, {"exterior": [[0, 0], [5, 5]], "interior": []},
    {"origin": [0, 0], "data": "eJw="},
)  # fmt: skip


def mutate(files: Files, chance: random.Random) -> Files:
    """Change one to three things in the files of a dataset; return the changed ones, with b"" for those removed."""
    changed = dict(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        names = sorted(changed)
        notes = [name for name in names if not is_image_name(name)]
        if notes and chance.random() < 0.85:
            name = chance.choice(notes)
            changed[name] = mutate_content(name, changed[name], changed, chance)
        elif chance.random() < 0.5:
            name = chance.choice(names)
            changed[name] = mutate_bytes(changed[name], changed, chance)
        else:
            rename_file(changed, chance)
    return changed


def mutate_content(name: str, content: bytes, files: Files, chance: random.Random) -> bytes:
    """Change a file as what it is, or as text, or as bytes."""
    way = chance.random()
    if way < 0.15:
        return mutate_bytes(content, files, chance)
    try:
        if RECORD.search(name):
            return mutate_record(content, chance)
        if way < 0.75 and name.endswith(".json"):
            return mutate_json(content, chance)
        if way < 0.75 and name.endswith(".xml"):
            return mutate_xml(content, chance)
    except (ValueError, LookupError, ElementTree.ParseError, PipelineError):  # what an earlier change has broken
        pass
    return mutate_text(content, chance)


def mutate_bytes(content: bytes, files: Files, chance: random.Random) -> bytes:
    """Flip, insert, remove, repeat or cut bytes, or take some of another file."""
    data = bytearray(content)
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 2, 4, 16, 200)))
    match chance.randrange(8):
        case 0 if data:
            data[at - 1] ^= 1 << chance.randrange(8)
        case 1:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 4, 8))))
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end]
        case 4:
            del data[at:]
        case 5:
            other = files[chance.choice(sorted(files))]
            start = chance.randrange(len(other) + 1)
            data[at:end] = other[start : start + chance.choice((1, 8, 100, 5000))]
        case 6:
            data[at:end] = chance.choice(
                (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\x80", b"\xef\xbb\xbf")
            ) * chance.choice((1, 4))
        case _:
            return chance.choice(
                (b"", b"\0", b"\xff\xfe" + content, b"\xef\xbb\xbf" + content, content * 2, content[:20])
            )
    return bytes(data)


def mutate_text(content: bytes, chance: random.Random) -> bytes:
    """Replace a number or a word, or remove, repeat or swap lines."""
    text = content.decode("utf-8", "surrogateescape")
    way = chance.randrange(6)
    if way < 4:
        pattern, values = ((r"-?\d+(?:\.\d+)?", NUMBERS), (r"[^\W\d]\w*(?:\.\w+)?", WORDS))[way % 2]
        found = list(re.finditer(pattern, text))
        if found:
            match = chance.choice(found)
            text = text[: match.start()] + chance.choice(values) + text[match.end() :]
    else:
        lines = text.split("\n")
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        change: Callable[[], Any] = chance.choice(
            (
                lambda: lines.pop(at),
                lambda: lines.insert(other, lines[at]),
                lambda: lines.__setitem__(at, lines[other]),
                lambda: lines.__setitem__(
                    at,
                    lines[at].replace(chance.choice((" ", ",", ":", "  ")), chance.choice((",", "\t", ";", ""))),
                ),
                lambda: lines.__setitem__(at, lines[at] + chance.choice((" 1", ",", '"', "#", "\r", ": [", " |"))),
            )
        )
        change()
        text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def mutate_json(content: bytes, chance: random.Random) -> bytes:
    """Replace, remove, repeat or rename one value of JSON."""
    holder: Any = [json.loads(content)]
    spots: list[tuple[Any, Any]] = []
    waiting: list[Any] = [holder]
    while waiting:
        value = waiting.pop()
        entries = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        spots += [(value, key) for key, _ in entries]
        waiting += [inner for _, inner in entries if isinstance(inner, (dict, list))]
    place, key = chance.choice(spots)
    value = place[key]
    match chance.randrange(7):
        case 0 | 1 | 2:
            place[key] = chance.choice(VALUES)
        case 3 if isinstance(value, (int, float, str)):
            place[key] = chance.choice((*WORDS, 0, str(value), f"{value} ", [value]))
        case 4 if place is not holder:
            del place[key]
        case 5 if isinstance(place, dict):
            place[chance.choice(("id", "name", "x", str(key).upper(), *WORDS))] = place.pop(key)
        case 6 if isinstance(value, list):
            value += [chance.choice([*value, *VALUES]) for _ in range(chance.choice((1, 2)))]
        case _ if isinstance(value, (int, float)):
            place[key] = value + chance.choice((-1, 1, 0.5, -1000, 1000, 1e-7))
        case _:
            place[key] = chance.choice(spots)[0]
    try:
        return json.dumps(holder[0], ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # a value within itself
        return content


def mutate_xml(content: bytes, chance: random.Random) -> bytes:
    """Change the text, tag, attribute or place of one element of XML."""
    tree = ElementTree.fromstring(content)
    parent = chance.choice([element for element in tree.iter() if len(element)] or [tree])
    element = chance.choice(list(parent) or [parent])
    match chance.randrange(6):
        case 0 | 1:
            element.text = chance.choice((*NUMBERS, *WORDS))
        case 2 if element is not parent:
            parent.remove(element)
        case 3:
            parent.insert(
                chance.randrange(len(parent) + 1),
                copy.deepcopy(chance.choice(list(tree.iter()))),
            )
        case 4:
            element.tag = chance.choice([*{one.tag for one in tree.iter()}, "x"])
        case _ if element.attrib:
            element.attrib[chance.choice(sorted(element.attrib))] = chance.choice((*NUMBERS, *WORDS))
        case _:
            element.text = None
    try:
        return ElementTree.tostring(tree, encoding=chance.choice(("utf-8", "utf-16", "us-ascii")))
    except UnicodeError:  # half a character
        return content


def rename_file(files: Files, chance: random.Random) -> None:
    """Remove, move, repeat or empty a file."""
    name = chance.choice(sorted(files))
    folder, _, last = name.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    target = chance.choice(
        (
            prefix + last.upper(), prefix + quote(last, safe=""), last, f"{prefix}new/{last}", f"{prefix}{last}.jpg",
            prefix + last.rpartition(".")[0], f"{prefix}_{last}", chance.choice(sorted(files)), f"{prefix}a\nb{last}",
        )
    )  # fmt: skip
    content = files[name]
    if chance.random() < 0.7 and target:
        files[target] = content
    if chance.random() < 0.5:
        del files[name]
    elif chance.random() < 0.2:
        files[name] = b""
