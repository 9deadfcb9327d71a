"""Fetching the zoo's archives over a real connection that is cut, slow, wrong or not there."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import DataError, StageError
from pipeline.pretrained.download import Patience
from pipeline.pretrained.weights import MIRROR, bring_weights
from tests.pretrained.archives import ARCHIVE, FOLDER, NAME, contents, pack, zoo_source
from tests.pretrained.server import Served, serving

QUICK = Patience(connect_s=2, read_s=0.3, attempts=3, first_attempts=2, wait_s=0.01)
PATH = f"/{NAME}.tar.gz"
SIZE = len(ARCHIVE)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", MIRROR):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Served(files={PATH: ARCHIVE})) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "pretrained" / NAME


def bring(served: Served, folder: Path) -> None:
    bring_weights(zoo_source(served.url), folder, patience=QUICK)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".lock"}


def test_an_archive_is_fetched_once_checked_and_unpacked(served: Served, folder: Path) -> None:
    bring(served, folder)
    bring(served, folder)
    assert served.asked == [(PATH, None)]
    assert contents(folder) == FOLDER
    assert names(folder.parent) == {NAME, f"{NAME}.tar.gz", "checksums.sha256"}
    assert (folder.parent / f"{NAME}.tar.gz").read_bytes() == ARCHIVE


def test_the_unpacked_checkpoint_is_enough_without_its_archive(served: Served, folder: Path) -> None:
    bring(served, folder)
    (folder.parent / f"{NAME}.tar.gz").unlink()
    bring(served, folder)
    assert len(served.asked) == 1


def test_a_file_that_changed_in_the_cache_is_unpacked_again(served: Served, folder: Path) -> None:
    bring(served, folder)
    (folder / "model.ckpt.index").write_bytes(b"torn")
    bring(served, folder)
    assert contents(folder) == FOLDER
    assert len(served.asked) == 1


@pytest.mark.parametrize("header", ["x-goog-hash", "ETag", "Content-MD5", None])
def test_a_cut_connection_goes_on_where_it_was_cut(served: Served, folder: Path, header: str | None) -> None:
    served.header = header
    served.cuts = [100_000, 70_000]
    bring(served, folder)
    assert served.asked == [(PATH, None), (PATH, "bytes=100000-"), (PATH, "bytes=170000-")]
    assert contents(folder) == FOLDER
    assert not list(folder.parent.glob("*.part*"))


def test_the_next_run_goes_on_with_what_has_come(served: Served, folder: Path) -> None:
    served.cuts = [100_000] + [0] * 3
    with pytest.raises(StageError, match="the connection was cut"):
        bring(served, folder)
    assert (folder.parent / f"{NAME}.tar.gz.part").read_bytes() == ARCHIVE[:100_000]
    served.cuts = []
    bring(served, folder)
    assert served.asked[-1] == (PATH, "bytes=100000-")
    assert contents(folder) == FOLDER


def test_another_version_of_the_file_is_not_glued_to_the_first(served: Served, folder: Path) -> None:
    served.header = "ETag"
    served.cuts = [100_000] + [0] * 3
    with pytest.raises(StageError):
        bring(served, folder)
    other = pack({f"{NAME}/model.ckpt.index": FOLDER["model.ckpt.index"],
                  f"{NAME}/model.ckpt.data-00000-of-00001": bytes(reversed(range(256))) * 2000})  # fmt: skip
    served.files[PATH], served.cuts = other, []
    bring(served, folder)
    assert (folder.parent / f"{NAME}.tar.gz").read_bytes() == other


def test_a_server_without_ranges_is_asked_from_the_start(served: Served, folder: Path) -> None:
    served.ranges = False
    served.cuts = [100_000]
    bring(served, folder)
    assert served.asked == [(PATH, None), (PATH, "bytes=100000-")]
    assert contents(folder) == FOLDER


def test_a_part_that_is_too_long_is_thrown_away(served: Served, folder: Path) -> None:
    folder.parent.mkdir()
    (folder.parent / f"{NAME}.tar.gz.part").write_bytes(bytes(SIZE + 10))
    bring(served, folder)
    assert contents(folder) == FOLDER


@pytest.mark.parametrize("header", ["x-goog-hash", "ETag", "Content-MD5"])
def test_a_body_that_came_damaged_is_fetched_again_once(served: Served, folder: Path, header: str) -> None:
    served.header, served.wrong = header, 1
    bring(served, folder)
    assert served.asked == [(PATH, None), (PATH, None)]
    assert contents(folder) == FOLDER


def test_a_body_that_stays_damaged_is_an_error_and_leaves_nothing(served: Served, folder: Path) -> None:
    served.wrong = 2
    with pytest.raises(DataError) as caught:
        bring(served, folder)
    md5 = (hashlib.md5(bytes(SIZE)).hexdigest(), hashlib.md5(ARCHIVE).hexdigest())
    assert str(caught.value).startswith(f"{served.url}{PATH} came damaged twice: its ")
    assert "the server says" in str(caught.value)
    assert md5[0] != md5[1]
    assert names(folder.parent) == set()


def test_a_silent_server_is_left_after_a_while_and_asked_again(served: Served, folder: Path) -> None:
    served.silences, served.silent_s = 1, 1.0
    bring(served, folder)
    assert served.asked[0] == (PATH, None)
    assert contents(folder) == FOLDER


def test_a_server_that_stays_silent_is_named_with_what_to_do(served: Served, folder: Path) -> None:
    served.silences, served.silent_s = 9, 0.6
    with pytest.raises(StageError) as caught:
        bring(served, folder)
    archive = folder.parent / f"{NAME}.tar.gz"
    assert str(caught.value) == (
        f"no weights for zoo {NAME}: there is no {archive}, and {served.url}{PATH} cannot be reached: "
        "nothing came for 0.3 s"
    )
    assert caught.value.hint == (
        f"where there is a network, the same command goes on; where there is none, put that file into "
        f"{archive.parent} as {archive.name}; PRETRAINED=none trains from scratch"
    )


def test_a_busy_server_is_asked_again(served: Served, folder: Path) -> None:
    served.faults = [503, 429]
    bring(served, folder)
    assert contents(folder) == FOLDER


def test_a_file_that_is_not_there_is_not_asked_for_again(served: Served, folder: Path) -> None:
    served.files = {}
    with pytest.raises(DataError) as caught:
        bring(served, folder)
    url = f"{served.url}{PATH}"
    assert str(caught.value) == f"no weights for zoo {NAME}: {url} cannot be had: the server answers 404 Not Found"
    assert caught.value.hint is not None and caught.value.hint.endswith("PRETRAINED=none trains from scratch")
    assert len(served.asked) == 1


def test_no_network_and_no_archive_says_exactly_that(folder: Path) -> None:
    with serving(Served()) as gone:
        url = gone.url
    with pytest.raises(StageError) as caught:
        bring_weights(zoo_source(url), folder, patience=QUICK)
    assert str(caught.value) == (
        f"no weights for zoo {NAME}: there is no {folder}.tar.gz, and {url}{PATH} cannot be reached: Connection refused"
    )


def test_a_name_that_no_dns_knows_is_said_so(folder: Path) -> None:
    with pytest.raises(StageError, match=r"cannot be reached: its name is not known here \(no network, or no DNS\)$"):
        bring_weights(zoo_source("http://no-such-host.invalid"), folder, patience=QUICK)


def test_an_archive_put_there_by_hand_needs_no_network(folder: Path) -> None:
    folder.parent.mkdir()
    (folder.parent / f"{NAME}.tgz").write_bytes(ARCHIVE)  # as browsers call it
    bring_weights(zoo_source("http://no-such-host.invalid"), folder, patience=QUICK)
    assert contents(folder) == FOLDER
    lock = (folder.parent / "checksums.sha256").read_text()
    assert lock == f"{hashlib.sha256(ARCHIVE).hexdigest()}  {NAME}.tgz\n"


def test_a_redirect_is_followed(served: Served, folder: Path) -> None:
    served.redirects = {PATH: "/elsewhere.tar.gz"}
    served.files = {"/elsewhere.tar.gz": ARCHIVE}
    bring(served, folder)
    assert contents(folder) == FOLDER


def test_a_mirror_takes_the_place_of_the_zoo(served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, f"{served.url}/")
    bring_weights(zoo_source("http://no-such-host.invalid"), folder, patience=QUICK)
    assert contents(folder) == FOLDER


def test_a_web_page_in_place_of_the_archive_is_named(served: Served, folder: Path) -> None:
    served.content_type = "text/html; charset=utf-8"
    with pytest.raises(DataError, match="a web page came in place of the file"):
        bring(served, folder)
    served.content_type, served.files = "application/x-tar", {PATH: b"<!DOCTYPE html><title>Log in</title>"}
    with pytest.raises(DataError, match="a web page, not an archive; wanted a tar.gz") as caught:
        bring(served, folder)
    assert caught.value.hint == (
        f"it came from {served.url}{PATH} just now, and is removed again; PRETRAINED=none trains from scratch"
    )
    assert names(folder.parent) == set()


def test_an_encoding_on_the_way_does_not_unpack_the_archive(served: Served, folder: Path) -> None:
    served.encoding = "gzip"
    bring(served, folder)
    assert (folder.parent / f"{NAME}.tar.gz").read_bytes() == ARCHIVE


def test_a_proxy_of_the_environment_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = f"http://zoo.invalid{PATH}"  # a proxy is asked with the whole address
    with serving(Served(files={whole: ARCHIVE})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        bring_weights(zoo_source("http://zoo.invalid"), folder, patience=QUICK)
        assert proxy.asked == [(whole, None)]


def test_a_disk_that_takes_no_more_is_told_and_what_came_is_kept(served: Served, folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(StageError, match=f"a file size limit was reached while writing {folder}.tar.gz"):
            bring(served, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < (folder.parent / f"{NAME}.tar.gz.part").stat().st_size <= 200_000
    bring(served, folder)
    assert contents(folder) == FOLDER
