"""Datasets in one file: every kind of archive reads as its folder does, and nothing of it stays."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.archives.unpack import opened_dataset
from pipeline.datasets.formats.registry import read_dataset
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.test_formats import SAMPLES, to_plain
from tests.hostile.packing import files_of, write_tar, write_zip, zip_info

SAMPLE = SAMPLES / "supervisely"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_reads_as_its_folder(mode: str, form: int, tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "project.tar", files_of(SAMPLE), mode=mode, form=form)
    assert read_archive(archive, tmp_path) == to_plain(read_dataset(SAMPLE, problems=Problems()))
    assert sorted(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_reads_as_its_folder_whatever_its_name(compression: int, tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "project.tar", files_of(SAMPLE), compression=compression)
    assert read_archive(archive, tmp_path) == to_plain(read_dataset(SAMPLE, problems=Problems()))
    assert sorted(tmp_path.iterdir()) == [archive]


def read_archive(archive: Path, output: Path) -> dict[str, object]:
    with opened_dataset(archive, beside=output / "check.json") as root:
        return to_plain(read_dataset(root, problems=Problems()))


def unpack(archive: Path) -> list[tuple[str, bytes]]:
    with opened_dataset(archive, beside=archive.parent / "out") as root:
        assert root.parent.parent == archive.parent
        return files_of(root)


def test_a_folder_is_yielded_as_it_is(tmp_path: Path) -> None:
    with opened_dataset(tmp_path, beside=tmp_path / "out") as root:
        assert root == tmp_path
    with opened_dataset(tmp_path / "missing", beside=tmp_path / "out") as root:
        assert root == tmp_path / "missing"


def test_a_tar_as_tar_makes_it_of_a_folder(tmp_path: Path) -> None:
    name = "d" * 90 + "/" + "n" * 200 + "é.txt"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        members = [(folder, b""), ("./" + name, b"1"), ("./._" + "x", b"2"), ("./__MACOSX/x", b"3"), ("./empty", b"")]
        archive = write_tar(tmp_path / "a.tar", members, form=form)
        assert unpack(archive) == [(name, b"1"), ("empty", b"")]


class Unflagged(zipfile.ZipInfo):
    """A zip member whose name is stored without saying how it is encoded: as macOS does, or as DOS did."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode(self.encoding), 0


class Dos(Unflagged):
    encoding = "cp437"


def test_names_of_zips_are_read_as_their_makers_meant_them(tmp_path: Path) -> None:
    members = [("train/é.txt", b"1"), ("train\\b.txt", b"2"), ("train/", b"")]
    archive = write_zip(tmp_path / "a.zip", members)
    assert unpack(archive) == [("train/b.txt", b"2"), ("train/é.txt", b"1")]
    for kind in (Unflagged, Dos):
        archive = write_zip(tmp_path / "a.zip", [(kind("train/é!.txt"), b"1")])
        assert unpack(archive) == [("train/é!.txt", b"1")]


def test_a_zip_with_something_before_it_or_of_64_bits_is_read(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made, made.open("a.txt", "w", force_zip64=True) as file:
        file.write(b"text")
    assert unpack(archive) == [("a.txt", b"text")]
    archive.write_bytes(b"PK\3\4 something" + archive.read_bytes())
    assert unpack(archive) == [("a.txt", b"text")]


def test_more_members_than_16_bits_can_count(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "a.zip", [(f"{number}", b"") for number in range(66_000)])
    with opened_dataset(archive, beside=tmp_path / "out") as root:
        assert len(os.listdir(root)) == 66_000


def test_modes_and_times_of_members_do_not_matter(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.txt")
    info.mode, info.mtime, info.uid = 0o4000, 2**33, 12345
    with opened_dataset(write_tar(tmp_path / "a.tar", [(info, b"1")]), beside=tmp_path / "out") as root:
        assert (root / "a.txt").stat().st_mode & 0o7111 == 0
        assert (root / "a.txt").read_bytes() == b"1"
        assert os.path.getmtime(root / "a.txt") < 2**32
    archive = write_zip(tmp_path / "a.zip", [(zip_info("b.txt", 0o104000), b"1")])
    assert unpack(archive) == [("b.txt", b"1")]


def test_errors_name_the_archive_and_not_where_it_was_unpacked(tmp_path: Path) -> None:
    members = [(name, content) for name, content in files_of(SAMPLE) if name != "train/img/a.jpg"]
    archive = write_tar(tmp_path / "project.tar", members)
    with pytest.raises(DataError) as caught:
        read_archive(archive, tmp_path)
    annotation = archive / "train/ann/a.jpg.json"
    assert str(caught.value) == f"{annotation}: no image for it in {archive / 'train/img'}; wanted a.jpg"
    assert caught.value.hint == f"put the image there, or delete {annotation}"


def test_what_was_unpacked_is_removed_on_every_way_out(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "a.tar", [("a.txt", b"1")])
    with pytest.raises(KeyboardInterrupt), opened_dataset(archive, beside=tmp_path / "run/out"):
        raise KeyboardInterrupt
    assert list((tmp_path / "run").iterdir()) == []
