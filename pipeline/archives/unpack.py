"""A dataset in one file, as labelling tools let people download it: unpacked beside the output, then removed.

    DATASET=project.tar     Supervisely; also .tar.gz, .tar.bz2, .tar.xz
    DATASET=export.zip      Roboflow, CVAT, Label Studio

What a file is, its content says, not its name. Archives are untrusted: only files and folders come out of them, below
one folder, each under a name of its own, and never much more than a dataset can be. All of it is measured while it is
unpacked, since what a header says of sizes may be a lie.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.archives.archive_file import CountedFile, Member
from pipeline.archives.members import ForeignArchive, NoArchive, leads_out, read_members
from pipeline.datasets.files.disk import format_bytes
from pipeline.datasets.files.tree import has_data, is_left_out, is_utf8
from pipeline.errors import DataError, PipelineError, StageError
from pipeline.report.screen import Progress

MAX_RATIO = 200
"""How many times its packed size an archive, or a member, may have: photos hardly shrink, annotations 20 times."""
ALLOWED_BYTES = 10**9
"""Up to this size the ratio does not matter."""
MAX_MEMBERS = 1_000_000
MAX_DEPTH = 64
USABLE_SHARE = 0.95
"""Of the free disk; a full one stops more than this program."""
_ARCHIVE_NAME = re.compile(r"\.(tar|tgz|tbz2?|txz|zip|7z|rar|gz|bz2|xz|zst)$", re.IGNORECASE)
_UNPACK_IT = "unpack it, and name the folder with DATASET="


@contextmanager
def opened_dataset(path: Path, *, beside: Path) -> Iterator[Path]:
    """Yield a dataset's folder: `path` itself, or what is unpacked from the archive that it is.

    An archive is unpacked beside `beside`, a path of the output, whose disk has to have room for it; it is removed
    on every way out. Errors raised within name the archive in place of that folder. Raises DataError for a file that
    is no archive, or one that is broken or hostile, and StageError for a full disk.
    """
    if not path.is_file():
        yield path
        return
    aside = beside.parent / f".{beside.name}.{os.getpid()}.unpacked"
    root = aside / path.name
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _unpack(path, root)
        yield root
    except PipelineError as error:
        error.args = (_as_given(str(error), root=root, path=path),)
        error.hint = error.hint and _as_given(error.hint, root=root, path=path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _as_given(text: str, *, root: Path, path: Path) -> str:
    """Name a dataset as it was given, in a text that may name the folder into which it was unpacked."""
    return text.replace(str(root), str(path))


def _unpack(path: Path, root: Path) -> None:
    with path.open("rb", buffering=0) as opened:
        file = CountedFile(opened.fileno())
        members = _identify(path, file)
        root.mkdir(parents=True)
        unpacking = _Unpacking(path, root, file)
        try:
            with Progress(f"unpack {path.name}", total=max(file.size // 10**6, 1), unit="MB") as progress:
                for member in members:
                    unpacking.write(member)
                    progress.update(min(file.read_bytes // 10**6, progress.total))
        except (ValueError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            # Broken gzip and bzip2 are OSErrors without a number
            raise DataError(f"{path}: a broken archive: {error}", hint="download it again") from error
    unpacking.check_content()


def _identify(path: Path, file: CountedFile) -> Iterator[Member]:
    try:
        return read_members(file)
    except ForeignArchive as error:
        raise DataError(f"no dataset at {path}: a {error} archive, which is not read", hint=_UNPACK_IT) from None
    except NoArchive as error:
        raise DataError(
            f"no dataset at {path}: {error}; wanted a folder, a tar or a zip",
            hint="DATASET= names the folder that holds the annotations and the images",
        ) from None


class _Unpacking:
    """Writes members below one folder, and refuses what no dataset needs."""

    def __init__(self, path: Path, root: Path, file: CountedFile) -> None:
        self._path = path
        self._root = root
        self._file = file
        self._limit = max(ALLOWED_BYTES, MAX_RATIO * file.size)
        self._room = int(shutil.disk_usage(root).free * USABLE_SHARE)
        self._written = 0
        self._members = 0
        self._names: set[str] = set()
        self._last_folder = str(root)
        self._archives: list[str] | None = []

    def write(self, member: Member) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise DataError(f"{self._path}: holds more than {MAX_MEMBERS} members", hint=_UNPACK_IT)
        parts = self._to_parts(member)
        if member.kind not in ("file", "folder"):
            raise DataError(
                f"{self._path}: member {member.name!r} is a {member.kind}; only files and folders are unpacked",
                hint="pack the files themselves (tar --dereference)",
            )
        target = os.path.join(self._root, *parts)
        if any(map(is_left_out, parts)):
            self._write_chunks(member, None)
        elif member.kind == "folder":
            self._make_folder(target, member)
        else:
            self._make_folder(os.path.dirname(target), member)
            self._check_new("/".join(parts), target, member)
            self._note_archive(member.name)
            with self._explaining(member):
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            try:
                self._write_chunks(member, descriptor)
            finally:
                os.close(descriptor)

    def check_content(self) -> None:
        """Raise DataError where nothing was unpacked, or nothing but further archives."""
        if self._archives:
            raise DataError(
                f"{self._path}: holds no files but further archives: {', '.join(self._archives[:3])}",
                hint="unpack it, and name the archive in it with DATASET=",
            )
        if not self._names:
            raise DataError(f"no dataset at {self._path}: an archive without files")

    def _to_parts(self, member: Member) -> tuple[str, ...]:
        name, reason = member.name, None
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if not is_utf8(name):
            reason = "has a name that is not UTF-8"
        elif "\0" in name:
            reason = "has a NUL in its name"
        elif leads_out(name):
            reason = "leads out of the archive"
        elif not parts and member.kind != "folder":
            reason = "has no name"
        elif len(parts) > MAX_DEPTH:
            reason = f"lies {len(parts)} folders deep; wanted {MAX_DEPTH} at most"
        if reason:
            shown = name if len(name) <= 200 else name[:200] + "..."
            raise DataError(f"{self._path}: member {shown!r} {reason}", hint="pack the dataset's folder anew")
        return parts

    def _make_folder(self, folder: str, member: Member) -> None:
        if folder != self._last_folder:
            with self._explaining(member):
                os.makedirs(folder, exist_ok=True)
            self._last_folder = folder

    def _check_new(self, name: str, target: str, member: Member) -> None:
        if name.casefold() in self._names:
            how = "comes twice" if os.path.exists(target) else "differs from another only in upper and lower case"
            raise DataError(f"{self._path}: member {member.name!r} {how}", hint=_UNPACK_IT)
        self._names.add(name.casefold())

    def _note_archive(self, name: str) -> None:
        if self._archives is not None and has_data({self._root: [name.rpartition("/")[2]]}):
            self._archives = [*self._archives, name] if _ARCHIVE_NAME.search(name) else None

    def _write_chunks(self, member: Member, descriptor: int | None) -> None:
        size, read_before = 0, self._file.read_bytes
        for chunk in member.content:
            size += len(chunk)
            self._written += len(chunk)
            self._check_bounds(member, size, packed_bytes=self._file.read_bytes - read_before)
            while descriptor is not None and chunk:
                with self._explaining(member):
                    chunk = chunk[os.write(descriptor, chunk) :]

    def _check_bounds(self, member: Member, size: int, *, packed_bytes: int) -> None:
        if self._written > self._room:
            raise StageError(
                f"not enough space to unpack {self._path}: more than {format_bytes(self._room)} needed",
                hint=f"free some, or put {self._root.parent.parent} on a larger disk",
            )
        what = None
        if size > max(ALLOWED_BYTES, MAX_RATIO * packed_bytes):
            what = f"member {member.name!r} unpacks"
        elif self._written > self._limit:
            what = "unpacks"
        if what:
            raise DataError(
                f"{self._path}: {what} to more than {MAX_RATIO} times its size and {format_bytes(ALLOWED_BYTES)}",
                hint="if that is right, unpack it yourself, and name the folder with DATASET=",
            )

    @contextmanager
    def _explaining(self, member: Member) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, NotADirectoryError) as error:
            raise DataError(
                f"{self._path}: member {member.name!r} is a file in one place and a folder in another", hint=_UNPACK_IT
            ) from error
        except OSError as error:
            raise StageError(
                f"cannot unpack {self._path}: member {member.name!r}: {error.strerror}",
                hint=f"look at the space and the limits of {self._root.parent.parent}",
            ) from error
