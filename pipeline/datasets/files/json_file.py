"""JSON that others wrote: read fast, refused in a sentence, never with a traceback.

Python writes NaN and Infinity, which are no JSON; Windows writes byte order marks and UTF-16; and a file of 10^6
brackets is nested to end the program that reads it.
"""

from __future__ import annotations

import json
import mmap
import re
from pathlib import Path
from typing import TypeVar

import msgspec

from pipeline.errors import DataError

T = TypeVar("T")
Content = bytes | memoryview | mmap.mmap
_FOLDERS, _OF_A_FOLDER = 50, 2
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_STRING_OR_CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)


def read_json(path: Path) -> object:
    """Read a file of JSON whole. Numbers that JSON cannot have (NaN) are read as Python does. Raises DataError."""
    content = read_bytes(path)
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(content)
    except RecursionError as error:
        raise DataError(too_deep(path)) from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


def read_json_object(path: Path) -> dict[str, object]:
    """Read a file of JSON whose outermost value is an object. Raises DataError."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: a JSON {type(content).__name__}, not an object")
    return content


def read_bytes(path: Path) -> bytes:
    """Read a file. Raises DataError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def decode_large(path: Path, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a file that may be large, without a copy of it in memory where it is good JSON; see `decode`."""
    return decode(_map(path), path, decoder)


def decode(content: Content, path: Path, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode what is in a file. Raises DataError.

    NaN, Infinity and -Infinity become the strings "NaN", "Infinity" and "-Infinity", so that whoever decodes the
    values that are left as `msgspec.Raw` can name the one that has them.
    """
    if content[:2] in _UTF16:
        content = _to_utf8(path, content)
    elif content[:3] == _BOM:
        content = memoryview(content)[3:]
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise DataError(f"{path}: {describe(error)}") from error
    except RecursionError as error:
        raise DataError(too_deep(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if re.search(rb"[:,\[\s](?:NaN|-?Infinity)", content) is None:
            raise DataError(f"{path}: not JSON: {describe(error)}") from error
    try:
        return decoder.decode(_STRING_OR_CONSTANT.sub(_quote, content))
    except RecursionError as error:
        raise DataError(too_deep(path)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not JSON: {describe(error)}") from error


def find_json(folders: dict[Path, list[str]]) -> list[Path]:
    """Find all files called .json, in any case, in the order of the folders."""
    return [folder / name for folder, names in folders.items() for name in names if name.lower().endswith(".json")]


def pick_json(paths: list[Path]) -> list[Path]:
    """Pick the files to know a format by: the two largest of each folder, of 50 folders at most, the largest first."""
    by_size = sorted(paths, key=lambda path: (-path.stat().st_size, path))
    picked: dict[Path, list[Path]] = {}
    for path in by_size:
        picked.setdefault(path.parent, []).append(path)
    chosen = {path for several in list(picked.values())[:_FOLDERS] for path in several[:_OF_A_FOLDER]}
    return [path for path in by_size if path in chosen]


def lacks_lists(path: Path, *keys: str) -> str | None:
    """Say why a file is no JSON object with lists of these names, from a look at its text; None if it may be one.

    Nothing is decoded: a broken file still looks like what it was meant to be.
    """
    content: Content = _map(path)
    if content[:2] in _UTF16:
        content = _to_utf8(path, content)
    if re.match(rb"(?:\xef\xbb\xbf)?\s*\{", content) is None:
        return "is no JSON object"
    for key in keys:
        if re.search(b'"%b"\\s*:\\s*\\[' % key.encode(), content) is None:
            return f'has no list "{key}"'
    return None


def _map(path: Path) -> Content:
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _to_utf8(path: Path, content: Content) -> bytes:
    try:
        return bytes(content).decode("utf-16").encode()
    except UnicodeError as error:
        raise DataError(f"{path}: not JSON: neither UTF-8 nor UTF-16 text") from error


def _quote(match: re.Match[bytes]) -> bytes:
    text = match.group()
    return text if text.startswith(b'"') else b'"' + text + b'"'


def describe(error: Exception) -> str:
    """Turn an error of the decoder into the rest of a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return "its text is not UTF-8"
    words = str(error).removeprefix("JSON is malformed: ")
    if wrong := re.fullmatch(r"Expected `array.*`, got `(\w+)` - at `\$\.(\w+)`", words):
        return f'"{wrong.group(2)}" is not a list, but of type {wrong.group(1)}'
    if words == "Input data was truncated":  # which the decoder also says of "\\ud800", half a character
        return "it ends in the middle of a value, or has half a character"
    return words[:1].lower() + words[1:]


def too_deep(path: Path) -> str:
    """Say that a file is nested as nobody means it."""
    return f"{path}: nested too deeply for JSON that people mean"
