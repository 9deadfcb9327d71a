"""What becomes of archives, folders and checkpoints of all shapes; and what is refused, in which words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import DataError, PipelineError
from pipeline.pretrained.source import Source, find_source
from pipeline.pretrained.weights import bring_weights
from pipeline.pretrained.weights_folder import read_source
from tests.pretrained.archives import (
    ARCHIVE,
    CHECKPOINT,
    DATA,
    DATA_NAME,
    FOLDER,
    INDEX,
    NAME,
    contents,
    pack,
    path_source,
    zoo_source,
)
from tests.pretrained.server import Served, serving

OFFLINE = "http://no-such-host.invalid"
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cache = tmp_path / "pretrained"
    cache.mkdir()
    return cache / NAME


def put(folder: Path, archive: bytes) -> Path:
    """Put an archive into the cache by hand."""
    path = folder.with_name(f"{NAME}.tar.gz")
    path.write_bytes(archive)
    return path


def bring(folder: Path) -> None:
    bring_weights(zoo_source(OFFLINE), folder)


def refused(folder: Path, archive: bytes) -> tuple[str, str | None]:
    path = put(folder, archive)
    with pytest.raises(PipelineError) as caught:
        bring(folder)
    assert not folder.exists()
    assert not list(folder.parent.glob(".*.part"))
    assert path.read_bytes() == archive
    assert not (folder.parent / "checksums.sha256").exists()
    return str(caught.value), caught.value.hint


LAYOUTS = {
    "the zoo's": CHECKPOINT,
    "another folder name": {name.replace(NAME, "elsewhere"): content for name, content in CHECKPOINT.items()},
    "no folder, a step": {
        "model.ckpt-400000.index": INDEX, f"./model.ckpt-400000.{DATA_NAME}": DATA,
        "pipeline.config": FOLDER["pipeline.config"],
    },
    "the MobileDets', float before uint8": {
        f"{NAME}/uint8/model.ckpt-900000.index": INDEX, f"{NAME}/uint8/model.ckpt-900000.{DATA_NAME}": b"quantized",
        f"{NAME}/uint8/pipeline.config": b"quantized",
        f"{NAME}/fp32/model.ckpt-400000.index": INDEX, f"{NAME}/fp32/model.ckpt-400000.{DATA_NAME}": DATA,
        f"{NAME}/fp32/pipeline.config": FOLDER["pipeline.config"],
    },
    "the newest of several": {
        "model.ckpt-9.index": INDEX, f"model.ckpt-9.{DATA_NAME}": b"older",
        "model.ckpt-10.index": INDEX, f"model.ckpt-10.{DATA_NAME}": DATA, "pipeline.config": FOLDER["pipeline.config"],
    },
    "slim's classifiers": {
        "mobilenet_v2_1.0_224.ckpt.index": INDEX, f"mobilenet_v2_1.0_224.ckpt.{DATA_NAME}": DATA,
        "mobilenet_v2_1.0_224_info.txt": b"input", "pipeline.config": FOLDER["pipeline.config"],
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_checkpoint_is_found_wherever_it_lies_in_its_archive(folder: Path, layout: str) -> None:
    put(folder, pack(LAYOUTS[layout]))
    bring(folder)
    assert contents(folder) == FOLDER


def test_a_checkpoint_of_one_file_and_one_of_many_are_whole(folder: Path) -> None:
    put(folder, pack({"inception_v2.ckpt": DATA}))
    bring(folder)
    assert contents(folder) == {"model.ckpt": DATA}
    index = INDEX.replace(b"\x08\x01", b"\x08\x02", 1)
    parts = {f"model.ckpt.data-0000{number}-of-00002": bytes([number]) for number in range(2)}
    given = folder.parent.parent / "sharded"
    given.mkdir()
    for name, content in {"model.ckpt.index": index, **parts}.items():
        (given / name).write_bytes(content)
    target = folder.with_name("sharded")
    bring_weights(path_source(given), target)
    assert contents(target) == {"model.ckpt.index": index, **parts}


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"PK no zip" * 100, ": a file that is no archive; wanted a tar.gz"),
        (b"", ": an empty file; wanted a tar.gz"),
        (b" <HTML>Please log in</HTML>", ": a web page, not an archive; wanted a tar.gz"),
        (b"Rar!\x1a\x07" + bytes(600), ": a RAR archive, which is not read"),
        (ARCHIVE[: len(ARCHIVE) // 2], ": a broken archive: "),
        (ARCHIVE[:-20] + bytes(12) + ARCHIVE[-8:], ": a broken archive: "),
        (pack({f"{NAME}/frozen_inference_graph.pb": b"x", f"{NAME}/pipeline.config": b"y"}),
         f": no checkpoint in it; found {NAME}/frozen_inference_graph.pb, {NAME}/pipeline.config"),
        (pack({f"{NAME}/model.ckpt.index": INDEX}),
         f": half a checkpoint: {NAME}/model.ckpt lacks model.ckpt.{DATA_NAME}"),
        (pack({f"{NAME}/model.ckpt.{DATA_NAME}": DATA}),
         f": half a checkpoint: {NAME}/model.ckpt lacks model.ckpt.index"),
        (pack({**CHECKPOINT, "../../evil.index": b"x"}), ": member '../../evil.index' leads out of the archive"),
        (pack({**CHECKPOINT, "/etc/cron.d/evil": b"x"}), ": member '/etc/cron.d/evil' leads out of the archive"),
        (pack({}, links={"model.ckpt.index": "/etc/passwd"}),
         ": member 'model.ckpt.index' is a symbolic link, wanted a file"),
        (pack({"a/model.ckpt.index": INDEX, "a/./model.ckpt.index": INDEX}),
         ": member 'a/./model.ckpt.index' comes twice"),
    ],
)  # fmt: skip
def test_what_is_no_whole_checkpoint_is_refused_and_leaves_nothing(folder: Path, archive: bytes, message: str) -> None:
    said, hint = refused(folder, archive)
    assert said.startswith(f"{folder}.tar.gz{message}")
    assert hint


def test_an_archive_that_swells_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.pretrained.weights_folder.ALLOWED_BYTES", 10**6)
    archive = pack({"model.ckpt.index": INDEX, f"model.ckpt.{DATA_NAME}": bytes(10**7)})
    said, _ = refused(folder, archive)
    assert said == f"{folder}.tar.gz: unpacks to more than 200 times its size and 1.0 MB"


def test_the_checksum_lock_is_written_at_first_use_and_enforced_later(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(folder, ARCHIVE)
    bring(folder)
    lock = folder.parent / "checksums.sha256"
    assert lock.read_text() == f"{SHA256}  {path.name}\n"
    assert read_source(folder) is not None
    other = pack({**CHECKPOINT, f"{NAME}/more.txt": b"another archive"})
    put(folder, other)
    with pytest.raises(DataError) as caught:
        bring(folder)
    assert str(caught.value) == (
        f"{path}: its SHA-256 is {hashlib.sha256(other).hexdigest()}, but {lock} has {SHA256}: "
        "it is not the archive that was used at first"
    )
    assert caught.value.hint == (
        f"if it is broken, delete it, and it is fetched anew; if it is the right one, remove the line of {path.name} "
        f"from {lock}"
    )
    lock.write_text("")
    bring(folder)
    assert lock.read_text().startswith(hashlib.sha256(other).hexdigest())


def test_a_lock_may_be_written_by_sha256sum_before_the_first_use(folder: Path) -> None:
    path = put(folder, ARCHIVE)
    (folder.parent / "checksums.sha256").write_text(f"# mine\n{SHA256.upper()} *{path.name}\n")
    bring(folder)
    assert contents(folder) == FOLDER
    (folder.parent / "checksums.sha256").write_text("SHA256 (x) = 0\n")
    with pytest.raises(DataError, match="checksums.sha256:1: found 'SHA256 .x. = 0', wanted '<SHA-256>  <archive>'"):
        bring(folder)


def test_a_folder_unpacked_by_hand_is_taken_as_it_is(folder: Path) -> None:
    folder.mkdir()
    for name, content in FOLDER.items():
        (folder / name).write_bytes(content)
    bring(folder)
    assert contents(folder) == FOLDER
    (folder / f"model.ckpt.{DATA_NAME}").unlink()
    with pytest.raises(DataError, match="was not made by this project and holds no whole model.ckpt"):
        bring(folder)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A training's own folder, with two checkpoints, and an archive beside it."""
    train = tmp_path / "train"
    train.mkdir()
    for step, data in ((10, b"older"), (9, DATA)):
        (train / f"model.ckpt-{step}.index").write_bytes(INDEX)
        (train / f"model.ckpt-{step}.{DATA_NAME}").write_bytes(data)
    (train / "checkpoint").write_text('model_checkpoint_path: "/old/place/model.ckpt-9"\n')
    (train / "pipeline.config").write_bytes(FOLDER["pipeline.config"])
    (tmp_path / "mine.tar.gz").write_bytes(ARCHIVE)
    return tmp_path


@pytest.mark.parametrize("path", ["train", "train/", "train/model.ckpt-9", "train/model.ckpt-9.index", "mine.tar.gz"])
def test_a_path_may_be_a_folder_a_checkpoint_or_an_archive(given: Path, folder: Path, path: str) -> None:
    source = path_source(f"{given}/{path}")
    bring_weights(source, folder.with_name(source.key))
    assert contents(folder.with_name(source.key)) == FOLDER
    assert (given / "train" / f"model.ckpt-9.{DATA_NAME}").read_bytes() == DATA  # copied, not moved


def test_the_best_checkpoint_of_a_training_is_told_of_by_its_folder(given: Path, folder: Path) -> None:
    best = given / "train/best"
    best.mkdir()
    for path in (given / "train").glob("model.ckpt-9.*"):
        path.rename(best / path.name)
    (given / "train/best.json").write_text("{}")
    (given / "train/label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    bring_weights(path_source(best), folder)
    assert contents(folder) == {**FOLDER, "label_map.pbtxt": b"item { id: 1 name: 'cat' }"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing.tar.gz", "no weights at {0}: no archive, no folder and no checkpoint of that name"),
        ("nowhere/model.ckpt", "no weights at {0}: no archive, no folder and no checkpoint of that name"),
        ("empty", "{0}: no checkpoint in it; found nothing"),
        ("half/model.ckpt", "{0}: half a checkpoint: model.ckpt lacks model.ckpt.data-00000-of-00001"),
    ],
)
def test_a_path_without_weights_is_named(given: Path, folder: Path, path: str, message: str) -> None:
    (given / "empty").mkdir()
    (given / "half").mkdir()
    (given / "half/model.ckpt.index").write_bytes(INDEX)
    with pytest.raises(DataError) as caught:
        bring_weights(path_source(given / path), folder)
    assert str(caught.value) == message.format(given / path)


@pytest.fixture
def served() -> Iterator[Served]:
    files = {"/a/model.ckpt-5.index": INDEX, f"/a/model.ckpt-5.{DATA_NAME}": DATA, "/b/mine.tgz": ARCHIVE}
    with serving(Served(files=files)) as server:
        yield server


def url_source(url: str) -> Source:
    source = find_source(url, model="ssd_tiny", zoo_url=None)
    assert source is not None
    return source


@pytest.mark.parametrize("path", ["/a/model.ckpt-5", "/a/model.ckpt-5.index?key=1", "/b/mine.tgz?key=1"])
def test_a_url_may_be_of_an_archive_or_of_a_checkpoint(served: Served, folder: Path, path: str) -> None:
    source = url_source(served.url + path)
    for _ in range(2):
        bring_weights(source, folder.with_name(source.key))
    found = contents(folder.with_name(source.key))
    assert {name: found[name] for name in FOLDER if name in found} == {
        name: FOLDER[name] for name in FOLDER if name in found
    }
    assert len(found) >= 2
    assert len(served.asked) == (2 if "model.ckpt" in path else 1)
    lines = (folder.parent / "checksums.sha256").read_text().splitlines()
    for line in lines:  # as `sha256sum -c` reads it, from the folder that it lies in
        sha256, name = line.split("  ")
        assert hashlib.sha256((folder.parent / name).read_bytes()).hexdigest() == sha256
