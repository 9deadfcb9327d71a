"""Archives of an enemy: refused with a sentence, nothing left or written elsewhere, memory bounded."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.archives import unpack
from pipeline.archives.unpack import opened_dataset
from pipeline.errors import PipelineError
from tests.hostile.bounded import snapshot
from tests.hostile.packing import tar_info, write_tar, write_zip, zip_info

ANEW = "pack the dataset's folder anew"
FILES_ONLY = "pack the files themselves (tar --dereference)"
AGAIN = "download it again"
UNPACK = "unpack it, and name the folder with DATASET="
NESTED = "unpack it, and name the archive in it with DATASET="
FOLDER = "DATASET= names the folder that holds the annotations and the images"


def open_it(archive: Path) -> PipelineError:
    """Open an archive that must be refused; see that nothing around it changed."""
    before = snapshot(archive.parent)
    with pytest.raises(PipelineError) as caught, opened_dataset(archive, beside=archive.parent / "output/check.json"):
        pytest.fail("it was opened")
    (archive.parent / "output").is_dir() and (archive.parent / "output").rmdir()
    assert snapshot(archive.parent) == before
    return caught.value


@pytest.mark.parametrize("write", [write_tar, write_zip])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x", "leads out of the archive"),
        ("a/../../x", "leads out of the archive"),
        ("/etc/x", "leads out of the archive"),
        ("C:/x", "leads out of the archive"),
        ("C:x", "leads out of the archive"),
        ("./.git/../../x", "leads out of the archive"),
        ("d/" * 70 + "x", "lies 71 folders deep; wanted 64 at most"),
    ],
)
def test_a_name_that_no_dataset_has(write: Callable[..., Path], name: str, reason: str, tmp_path: Path) -> None:
    archive = write(tmp_path / "a.archive", [("good.txt", b"1"), (name, b"2")])
    error = open_it(archive)
    assert (str(error), error.hint, error.exit_code) == (f"{archive}: member {name!r} {reason}", ANEW, 3)


@pytest.mark.parametrize("name", ["..\\x", "\\x", "C:\\x", "\\\\host\\share\\x"])
def test_a_windows_name_that_leads_out(name: str, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", [(name, b"2")])
    assert str(open_it(archive)) == f"{archive}: member {name!r} leads out of the archive"
    archive = write_zip(tmp_path / "a.zip", [(name, b"2")])
    slashed = name.replace("\\", "/")
    assert str(open_it(archive)) == f"{archive}: member {slashed!r} leads out of the archive"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.GNUTYPE_SPARSE, "sparse file"),
        (b"Z", "member of unknown kind"),
    ],
)
def test_a_tar_member_that_is_no_file(kind: bytes, word: str, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", [(tar_info("train/x", kind, link="/etc/passwd"), b"")])
    error = open_it(archive)
    wanted = f"{archive}: member 'train/x' is a {word}; only files and folders are unpacked"
    assert (str(error), error.hint) == (wanted, FILES_ONLY)


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        (stat.S_IFLNK, "symbolic link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFBLK, "device"),
        (stat.S_IFIFO, "pipe"),
        (stat.S_IFSOCK, "socket"),
    ],
)
def test_a_zip_member_that_is_no_file(mode: int, word: str, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", [(zip_info("train/x", mode | 0o777), b"/etc/passwd")])
    error = open_it(archive)
    wanted = f"{archive}: member 'train/x' is a {word}; only files and folders are unpacked"
    assert (str(error), error.hint) == (wanted, FILES_ONLY)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("write", [write_tar, write_zip])
@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a.jpg", "./a.jpg"), "'./a.jpg' comes twice"),
        (("t/a.jpg", "T/A.jpg"), "'T/A.jpg' differs from another only in upper and lower case"),
        (("a", "a/b"), "'a/b' is a file in one place and a folder in another"),
        (("a/b", "a"), "'a' is a file in one place and a folder in another"),
    ],
)
def test_names_that_clash(write: Callable[..., Path], names: tuple[str, ...], reason: str, tmp_path: Path) -> None:
    archive = write(tmp_path / "a.archive", [(name, b"1") for name in names])
    error = open_it(archive)
    assert (str(error), error.hint) == (f"{archive}: member {reason}", UNPACK)


def encrypted_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", b"text")
    data = bytearray(buffer.getvalue())
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def broken_zip(old: bytes, new: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", b"text")
    return buffer.getvalue().replace(old, new)


def tar_bytes(*members: tuple[str | tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def huge_header(kind: bytes, size: int) -> bytes:
    info = tar_info("x", kind)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


NUL_PAX = b"13 path=a\0b\n"
BROKEN = {
    "cut": (tar_bytes(("a.txt", b"x" * 5000))[:3000], "a broken archive: it was cut short in member 'a.txt'"),
    "without its end": (
        tar_bytes(("a.txt", b"x" * 512))[:1024],
        "a broken archive: it ends without an end mark: it was cut short",
    ),
    "cut gzip": (
        gzip.compress(tar_bytes(("a.txt", os.urandom(5000))))[:3000],
        "a broken archive: Compressed file ended before the end-of-stream marker was reached",
    ),
    "overwritten": (
        tar_bytes(("a", b"x"), ("b", b"x"))[:1024] + b"?" * 4096,
        "a broken archive: a broken header in it: invalid header",
    ),
    "a name of gigabytes": (
        huge_header(tarfile.GNUTYPE_LONGNAME, 2**33),
        "a broken archive: a header of 8589934592 bytes in it",
    ),
    "a pax header of gigabytes": (
        huge_header(tarfile.XHDTYPE, 2**33),
        "a broken archive: a header of 8589934592 bytes in it",
    ),
    "a negative size": (
        huge_header(tarfile.REGTYPE, -1),
        "a broken archive: member 'x' has a size of -1",
    ),
    "a NUL in a name": (
        huge_header(tarfile.XHDTYPE, len(NUL_PAX)) + NUL_PAX.ljust(512, b"\0") + huge_header(tarfile.REGTYPE, 0),
        r"member 'a\x00b' has a NUL in its name",
    ),
    "a name that is not UTF-8": (
        tar_bytes((os.fsdecode(b"a\xff"), b""), form=tarfile.GNU_FORMAT),
        r"member 'a\udcff' has a name that is not UTF-8",
    ),
    "encrypted zip": (encrypted_zip(), "a broken archive: member 'a.txt' is encrypted"),
    "cut zip": (
        broken_zip(b"PK\5\6", b"PK\0\0"),
        "a broken archive: it has no directory at its end: it was cut short, or is one part of several",
    ),
    "changed zip": (
        broken_zip(b"text", b"TEXT"),
        "a broken archive: member 'a.txt' is broken: its checksum or its size is another one",
    ),
    "nested": (tar_bytes(("a.tar", b""), ("README.md", b"")), "holds no files but further archives: a.tar"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_archive(what: str, tmp_path: Path) -> None:
    content, message = BROKEN[what]
    archive = tmp_path / "a.tar"
    archive.write_bytes(content)
    error = open_it(archive)
    hint = AGAIN if "broken archive" in message else NESTED if "further archives" in message else ANEW
    assert (str(error), error.hint, error.exit_code) == (f"{archive}: {message}", hint, 3)


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (b"", "an empty file; wanted a folder, a tar or a zip", FOLDER),
        (b'{"images": []}', "a file that is no archive; wanted a folder, a tar or a zip", FOLDER),
        (bytes(10240), "a file that is no archive; wanted a folder, a tar or a zip", FOLDER),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive, which is not read", UNPACK),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive, which is not read", UNPACK),
        (b"PK\5\6" + bytes(18), "an archive without files", None),
        (tar_bytes((tar_info("a", tarfile.DIRTYPE), b"")), "an archive without files", None),
    ],
)
def test_a_file_without_a_dataset(content: bytes, what: str, hint: str | None, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    error = open_it(tmp_path / "a.json")
    assert (str(error), error.hint) == (f"no dataset at {tmp_path / 'a.json'}: {what}", hint)


def test_more_members_than_any_dataset_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_MEMBERS", 10)
    archive = write_tar(tmp_path / "a.tar", [(f"{number}.txt", b"") for number in range(11)])
    error = open_it(archive)
    assert (str(error), error.hint) == (f"{archive}: holds more than 10 members", UNPACK)


def test_a_disk_without_room_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "USABLE_SHARE", 0)
    archive = write_tar(tmp_path / "a.tar", [("a.txt", b"text")])
    error = open_it(archive)
    assert str(error) == f"not enough space to unpack {archive}: more than 0 bytes needed"
    assert error.hint == f"free some, or put {tmp_path / 'output'} on a larger disk"
    assert error.exit_code == 4
