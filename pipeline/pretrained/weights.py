"""Bring the weights of a source into their folder of the cache: from there, from a file given by hand, or over HTTP.

    input/pretrained/NAME.tar.gz           the archive: downloaded, or put there by hand where there is no network
    input/pretrained/checksums.sha256      what it was when it was first used
    input/pretrained/NAME/                 its checkpoint: see weights_folder.py

ODPIPE_ZOO_MIRROR=https://mirror.example/zoo takes the zoo's archives from there: mirror/NAME.tar.gz.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import DataError, StageError
from pipeline.pretrained import checkpoint_files, weights_folder
from pipeline.pretrained.checksums import check_lock, hash_file, write_lock
from pipeline.pretrained.download import NotThere, Patience, Unreachable, download
from pipeline.pretrained.source import ARCHIVE_SUFFIXES, PART_OF_CHECKPOINT, Source, suffix_of, without_password
from pipeline.report.screen import say

MIRROR = "ODPIPE_ZOO_MIRROR"
FROM_SCRATCH = "PRETRAINED=none trains from scratch"


def bring_weights(source: Source, folder: Path, *, patience: Patience | None = None) -> None:
    """Make `folder` (input/pretrained/KEY) hold the source's checkpoint; do nothing where it does.

    One process at a time does so in a cache. Raises DataError for what is no checkpoint, damaged or not the archive
    of the first time, and StageError for a server that cannot be reached and for a full disk.
    """
    cache = folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        if folder.exists() and any(folder.iterdir()) and weights_folder.read_source(folder) is None:
            _accept(folder)
            return
        checkpoint = _bring(source, folder, patience)
        if checkpoint is None:
            say(f"weights  {source.label}: in {folder}")
        else:
            say(f"weights  {source.label}: {checkpoint} -> {folder}")


def _bring(source: Source, folder: Path, patience: Patience | None) -> str | None:
    """Fill the folder; return the checkpoint's prefix where it came from, None where nothing was to be done."""
    if source.kind == "path":
        return _from_path(source, folder)
    if source.is_checkpoint_url:
        return _from_checkpoint_url(source, folder, patience)
    return _from_archive_url(source, folder, patience)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold the cache's lock, which the kernel frees when this process is gone."""
    with open(cache / ".lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"weights  waiting: another run writes into {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _accept(folder: Path) -> None:
    """Take a folder that somebody unpacked by hand as it is."""
    if not weights_folder.has_checkpoint(folder):
        raise DataError(
            f"{folder} was not made by this project and holds no whole model.ckpt",
            hint=f"put the archive itself beside it, and remove the folder; or name it: PRETRAINED={folder}",
        )
    say(f"weights  found in {folder}, unpacked by hand")


def _from_path(source: Source, folder: Path) -> str:
    path = Path(source.location)
    if path.is_dir() or _is_prefix(path):
        return weights_folder.write_from_files(path, folder, label=source.label)
    if path.is_file():
        return weights_folder.write_from_archive(path, folder, label=source.label, sha256=hash_file(path))
    raise DataError(
        f"no weights at {path}: no archive, no folder and no checkpoint of that name",
        hint=f"PRETRAINED=path/to/model.ckpt, path/to/archive.tar.gz, a URL, or zoo; {FROM_SCRATCH}",
    )


def _is_prefix(path: Path) -> bool:
    names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    return path.name in checkpoint_files.find_prefixes(names)


def _from_archive_url(source: Source, folder: Path, patience: Patience | None) -> str | None:
    """Unpack the archive of a URL, fetched if it is not there; None where that was done before."""
    archive = _find_archive(source, folder)
    if archive is not None:
        return _unpack(archive, folder, source)
    if weights_folder.is_whole(folder):
        return None
    archive = folder.with_name(folder.name + suffix_of(source.location))
    url = _address(source)
    _fetch(url, archive, source, patience)
    try:
        return _unpack(archive, folder, source)
    except DataError as error:
        archive.unlink()  # it is ours, and worth nothing; what people put there themselves stays
        error.hint = f"it came from {without_password(url)} just now, and is removed again; {FROM_SCRATCH}"
        raise


def _unpack(archive: Path, folder: Path, source: Source) -> str | None:
    cache, sha256 = folder.parent, hash_file(archive)
    check_lock(cache, archive.name, sha256, file=archive)
    checkpoint = None
    if not weights_folder.is_whole(folder, archive_sha256=sha256):
        checkpoint = weights_folder.write_from_archive(archive, folder, label=source.label, sha256=sha256)
    write_lock(cache, archive.name, sha256, tell=say)  # only now is it known to be good for anything
    return checkpoint


def _find_archive(source: Source, folder: Path) -> Path | None:
    """Find an archive that was fetched before or put there by hand; browsers call a tar.gz .tgz or unpack its gz."""
    for suffix in (suffix_of(source.location), *ARCHIVE_SUFFIXES):
        path = folder.with_name(folder.name + suffix)
        if path.is_file():
            return path
    return None


def _address(source: Source) -> str:
    """Return the URL to ask: the mirror's, where one is set for the zoo."""
    mirror = os.environ.get(MIRROR, "").strip()
    if source.kind == "zoo" and mirror:
        return f"{mirror.rstrip('/')}/{source.location.rsplit('/', 1)[-1]}"
    return source.location


def _from_checkpoint_url(source: Source, folder: Path, patience: Patience | None) -> str | None:
    """Fetch the files of a checkpoint from beside each other; None where that was done before."""
    if weights_folder.is_whole(folder):
        return None
    address, _, query = source.location.partition("?")
    address = PART_OF_CHECKPOINT.sub("", address)
    base = folder.with_name(folder.name + ".files") / address.rsplit("/", 1)[-1]
    base.parent.mkdir(exist_ok=True)

    def fetch(suffix: str) -> Path:
        file = base.with_name(base.name + suffix)
        if not file.exists():
            _fetch(f"{address}{suffix}{'?' + query if query else ''}", file, source, patience)
        # As sha256sum -c finds it from the folder of the lock
        name = f"{base.parent.name}/{file.name}"
        fetched[name] = hash_file(file)
        check_lock(folder.parent, name, fetched[name], file=file)
        return file

    fetched: dict[str, str] = {}
    index = fetch(".index")
    shards = checkpoint_files.read_shard_count(index)
    if shards is None:
        raise DataError(f"{index}: not the index of a checkpoint", hint=f"delete it; it came from {source.label}")
    for shard in range(shards):
        fetch(f".data-{shard:05d}-of-{shards:05d}")
    checkpoint = weights_folder.write_from_files(base, folder, label=source.label)
    for name, sha256 in fetched.items():
        write_lock(folder.parent, name, sha256, tell=say)
    return checkpoint


def _fetch(url: str, target: Path, source: Source, patience: Patience | None) -> None:
    """Download a file to `target`; every error says what to do instead."""
    say(f"download  {without_password(url)}")
    shown = without_password(url)
    try:
        part = download(url, target, patience=patience)
    except Unreachable as error:
        raise StageError(
            f"no weights for {source.label}: there is no {target}, and {shown} cannot be reached: {error}",
            hint=f"where there is a network, the same command goes on; where there is none, put that file into "
            f"{target.parent} as {target.name}; {FROM_SCRATCH}",
        ) from error
    except NotThere as error:
        mirror = f" (the mirror of {MIRROR})" if source.kind == "zoo" and url != source.location else ""
        raise DataError(
            f"no weights for {source.label}: {shown}{mirror} {error}",
            hint=f"put the file into {target.parent} as {target.name}, or name another: PRETRAINED=path or URL; "
            f"{FROM_SCRATCH}",
        ) from error
    os.replace(part, target)
