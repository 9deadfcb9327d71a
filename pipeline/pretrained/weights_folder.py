"""One folder of weights, with the same names whatever it came from; written whole or not at all.

    input/pretrained/ssd_mobilenet_v2_coco_2018_03_29/
        model.ckpt.index, model.ckpt.data-00000-of-00001     renamed, if they were called otherwise
        pipeline.config, label_map.pbtxt                     if they lay beside it
        source.json     {"source": "zoo ssd_...", "checkpoint": "ssd_.../model.ckpt", "archive_sha256": "...",
                         "files": {"model.ckpt.index": "<SHA-256>", ...}}

Archives are untrusted: no name of theirs ever becomes a path. What may be needed is unpacked under numbers, and only
the checkpoint chosen among that is given names, ours.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.archives.archive_file import CountedFile, Member
from pipeline.archives.members import ForeignArchive, NoArchive, leads_out, read_members
from pipeline.archives.unpack import ALLOWED_BYTES, MAX_MEMBERS, MAX_RATIO
from pipeline.datasets.files.disk import explaining_full_disk, format_bytes
from pipeline.errors import DataError
from pipeline.pretrained import checkpoint_files
from pipeline.pretrained.checksums import hash_file
from pipeline.pretrained.source import CHECKPOINT
from pipeline.report.screen import Progress

SOURCE = "source.json"
_SHOWN_NAMES = 8
_WEB_PAGE = (b"<!doctype", b"<html", b"<head")


def is_whole(folder: Path, *, archive_sha256: str | None = None) -> bool:
    """Whether a folder of ours is there with each file as it was written, and came from that archive."""
    written = read_source(folder)
    if written is None or archive_sha256 not in (None, written.get("archive_sha256")):
        return False
    files = written.get("files") or {}
    return bool(files) and all(
        (folder / name).is_file() and hash_file(folder / name) == sha256 for name, sha256 in files.items()
    )


def read_source(folder: Path) -> dict[str, Any] | None:
    """Return what a folder's source.json says; None where it is not ours, or torn."""
    try:
        read = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def has_checkpoint(folder: Path) -> bool:
    """Whether a folder that somebody made by hand holds a whole `model.ckpt`."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    files, missing = _files_of(CHECKPOINT, names, lambda name: folder / name)
    return bool(files) and not missing


def write_from_archive(archive: Path, folder: Path, *, label: str, sha256: str) -> str:
    """Unpack the checkpoint of an archive into a folder; return its prefix in the archive.

    Raises DataError for what is no archive or a broken one, a hostile member, no checkpoint, or half a one.
    """
    with _aside(folder) as aside:
        members = _unpack_needed(archive, aside)
        prefix, files = _choose(members, archive)
        _write(folder, aside, prefix, files, {"source": label, "archive_sha256": sha256})
    return prefix


def write_from_files(given: Path, folder: Path, *, label: str) -> str:
    """Copy a checkpoint, given as its prefix or as the folder it lies in, into a folder; return its prefix.

    A training's own folder gives the newest checkpoint, train/best the best one. Raises DataError as
    `write_from_archive` does.
    """
    folder_of = given if given.is_dir() else given.parent
    files = {path.name: path for path in sorted(folder_of.iterdir()) if path.is_file()}
    if folder_of.name == "best" and (folder_of.parent / "best.json").is_file():
        files = {name: folder_of.parent / name for name in checkpoint_files.COMPANIONS} | files
        files = {name: path for name, path in files.items() if path.is_file()}
    if given.is_dir():
        newest = _newest(given)
        prefix, chosen = _choose(files, given, prefix=newest if newest and f"{newest}.index" in files else None)
    else:
        prefix, chosen = _choose(files, given, prefix=given.name)
    with _aside(folder) as aside:
        _write(folder, aside, prefix, chosen, {"source": label, "archive_sha256": None})
    return prefix


def _newest(train_dir: Path) -> str | None:
    """Return the newest checkpoint that TensorFlow's `checkpoint` file names; it is text of `key: "value"` lines."""
    path = train_dir / "checkpoint"
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model_checkpoint_path":
            return value.strip().strip('"').rsplit("/", 1)[-1]
    return None


def _unpack_needed(archive: Path, aside: Path) -> dict[str, Path]:
    """Unpack what may be needed of an archive under numbers; return {name of the member: file}."""
    unpacked: dict[str, Path] = {}
    others: list[str] = []
    with archive.open("rb", buffering=0) as opened:
        file = CountedFile(opened.fileno())
        try:
            members = read_members(file)
        except ForeignArchive as error:
            raise DataError(
                f"{archive}: a {error} archive, which is not read", hint="pack it as tar.gz or zip"
            ) from None
        except NoArchive as error:
            raise DataError(f"{archive}: {_describe(archive, error)}; wanted a tar.gz", hint=_fetch(archive)) from None
        allowed = max(ALLOWED_BYTES, MAX_RATIO * file.size)
        try:
            with Progress(f"unpack {archive.name}", total=max(file.size // 10**6, 1), unit="MB") as progress:
                for number, member in enumerate(members):
                    _check(member, number, archive)
                    name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
                    if not checkpoint_files.is_needed(name):
                        others += [name] if member.kind == "file" else []
                        continue
                    if name in unpacked:
                        raise DataError(f"{archive}: member {member.name!r} comes twice", hint=_fetch(archive))
                    unpacked[name] = aside / f"{number}.member"
                    allowed -= _write_member(member, unpacked[name], archive, allowed)
                    progress.update(min(file.read_bytes // 10**6, progress.total))
        except (ValueError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(f"{archive}: a broken archive: {error}", hint=_fetch(archive)) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise DataError(f"{archive}: a broken archive: {error}", hint=_fetch(archive)) from error
    if not checkpoint_files.find_prefixes(unpacked):
        raise _no_checkpoint(archive, [*unpacked, *others])
    return unpacked


def _describe(archive: Path, error: Exception) -> str:
    with archive.open("rb") as file:
        start = file.read(200).lstrip().lower()
    return "a web page, not an archive" if start.startswith(_WEB_PAGE) else str(error)


def _fetch(archive: Path) -> str:
    return f"delete {archive}, and get it anew"


def _check(member: Member, number: int, archive: Path) -> None:
    if number >= MAX_MEMBERS:
        raise DataError(f"{archive}: holds more than {MAX_MEMBERS} members", hint="pack the checkpoint alone")
    if leads_out(member.name):
        raise DataError(
            f"{archive}: member {member.name[:200]!r} leads out of the archive",
            hint="that is no archive of the zoo: get it from a place that you trust",
        )
    if member.kind not in ("file", "folder") and checkpoint_files.is_needed(member.name):
        raise DataError(
            f"{archive}: member {member.name[:200]!r} is a {member.kind}, wanted a file",
            hint="pack the files themselves (tar --dereference)",
        )


def _write_member(member: Member, path: Path, archive: Path, allowed: int) -> int:
    """Write a member to a file; return its size. Raises DataError where it is larger than `allowed` bytes."""
    size = 0
    with explaining_full_disk(path.parent.parent / archive.name, 0), path.open("xb") as file:
        for chunk in member.content:
            size += len(chunk)
            if size > allowed:
                raise DataError(
                    f"{archive}: unpacks to more than {MAX_RATIO} times its size and {format_bytes(ALLOWED_BYTES)}",
                    hint="no checkpoint does; if it is right, unpack it, and name the checkpoint with PRETRAINED=",
                )
            file.write(chunk)
    return size


def _choose(files: Mapping[str, Path], where: Path, *, prefix: str | None = None) -> tuple[str, dict[str, Path]]:
    """Choose the checkpoint to train from; return its prefix and {new name: file}, with what tells of it."""
    prefixes = checkpoint_files.find_prefixes(files)
    if prefix is None:
        if not prefixes:
            raise _no_checkpoint(where, list(files))
        prefix = prefixes[0]
    found, missing = _files_of(prefix, files, lambda name: files[name])
    if missing:
        if not found:
            raise _no_checkpoint(where, list(files))
        raise DataError(
            f"{where}: {checkpoint_files.describe_missing(prefix, missing)}",
            hint="a checkpoint is its .index and all of its .data files",
        )
    chosen = {f"{CHECKPOINT}{name.removeprefix(prefix)}": files[name] for name in found}
    folder = prefix.rpartition("/")[0]
    for name in checkpoint_files.COMPANIONS:
        beside = f"{folder}/{name}" if folder else name
        if beside in files:
            chosen[name] = files[beside]
    return prefix, chosen


def _files_of(prefix: str, names: Iterable[str], locate: Callable[[str], Path]) -> tuple[list[str], list[str]]:
    known = list(names)
    index = f"{prefix}.index"
    shards = checkpoint_files.read_shard_count(locate(index)) if index in known else None
    return checkpoint_files.list_files(prefix, known, shards)


def _no_checkpoint(where: Path, names: list[str]) -> DataError:
    shown = ", ".join(sorted(names)[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "")
    return DataError(
        f"{where}: no checkpoint in it; found {shown or 'nothing'}",
        hint="wanted model.ckpt.index and model.ckpt.data-00000-of-00001, as the archives of the TF1 zoo have them",
    )


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the final one to unpack into; it is removed on every way out."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: Path, aside: Path, prefix: str, files: Mapping[str, Path], told: Mapping[str, object]) -> None:
    """Make the final folder of files, which are moved where they lie in `aside` and copied where they do not."""
    final = aside / "whole"
    final.mkdir()
    for name, path in files.items():
        if path.parent == aside:
            path.rename(final / name)
        else:
            with explaining_full_disk(folder, path.stat().st_size):
                shutil.copyfile(path, final / name)
    written = {**told, "checkpoint": prefix, "files": {name: hash_file(final / name) for name in files}}
    (final / SOURCE).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if folder.exists():
        folder.rename(aside / "old")  # only ever one of ours: see weights.py
    final.rename(folder)
