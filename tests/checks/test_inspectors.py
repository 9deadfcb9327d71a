"""The processes that inspect: in order, flat, unharmed by what kills one of them; and their cache."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from pipeline.checks import inspectors
from pipeline.checks.inspected_images import Inspected, read_known, read_stamp, version
from pipeline.checks.inspection import inspect_image
from pipeline.checks.inspectors import CRASHED, Inspectors, inspect_images, open_inspectors
from pipeline.datasets.images.frame import Header
from pipeline.datasets.model import Embedded, Image
from tests.checks.photos import make_photo
from tests.checks.test_inspection import png_of
from tests.processes import assert_none_outlives
from tests.project import ROOT


def draw_images(folder: Path, count: int) -> list[Image]:
    images = []
    for number in range(count):
        path = folder / f"{number}.jpg"
        make_photo(number).save(path)
        images.append(Image(path, path.name, 120, 90, ()))
    return images


def inspect(images: list[Image], folder: Path, **options: object) -> list[Inspected]:
    with open_inspectors(2) as processes:
        return list(inspect_images(images, folder, processes, **options))  # type: ignore[arg-type]


def test_all_are_inspected_in_order(tmp_path: Path) -> None:
    images = draw_images(tmp_path, 70)
    told: list[int] = []
    assert inspect(images, tmp_path, progress=told.append) == [inspect_image(image.path) for image in images]
    assert told == list(range(1, 71))


def test_what_is_known_is_not_inspected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, cache = draw_images(tmp_path, 5), tmp_path / ".cache" / "check.json"
    first = inspect(images, tmp_path, cache_file=cache)
    make_photo(99).save(images[3].path)
    os.utime(images[3].path, (1, 1))
    asked: list[str] = []

    def counting(self: Inspectors, lazy: Iterable[tuple[str, None]]) -> object:
        tasks = list(lazy)
        asked.extend(path for path, _ in tasks)
        return (inspect_image(Path(path)) for path, _ in tasks)

    monkeypatch.setattr(Inspectors, "inspect", counting)
    second = inspect(images, tmp_path, cache_file=cache)
    assert asked == [str(images[3].path)]
    assert second == [*first[:3], inspect_image(images[3].path), first[4]]
    assert inspect(images, tmp_path, cache_file=cache) == second
    assert len(asked) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'"other version"\n',
        b"VERSION\n3",
        b"\xff\xff",
        b'VERSION\n["0.jpg", STAMP, "", "zz", "", "", "", null]',
        b'VERSION\n["0.jpg", STAMP, "ab", "", "", "", "", null]',
        b'VERSION\n["0.jpg", STAMP, "", "", "", "", "", [1, 2, 99999999999]]',
        b'VERSION\n["1.jpg", STAMP, "", "", "", "", "", null]\n["0.jpg", STAMP, "", "", "", "", "", null]',
    ],
)
def test_a_cache_that_is_none_does_no_harm(tmp_path: Path, content: bytes) -> None:
    images = draw_images(tmp_path, 2)
    cache = tmp_path / "cache.json"
    content = content.replace(b"VERSION", msgspec.json.encode(version()))
    cache.write_bytes(content.replace(b"STAMP", ", ".join(map(str, read_stamp(images[0].path))).encode()))
    assert inspect(images, tmp_path, cache_file=cache) == [inspect_image(image.path) for image in images]


def test_a_cache_tells_headers_and_hashes_of_files_that_are_what_they_were(tmp_path: Path) -> None:
    images, cache = draw_images(tmp_path, 3), tmp_path / "cache.json"
    inspect(images, tmp_path, cache_file=cache)
    content = images[0].path.read_bytes()
    images[0].path.unlink()
    images[0].path.write_bytes(content)  # another file, if with the same bytes
    known = read_known(cache, tmp_path)
    assert (known.find_header(images[0].path), known.find_sha256(images[0].path)) == (None, None)
    assert known.find_header(images[1].path) == Header(120, 90, 1)
    assert known.find_sha256(images[1].path) == hashlib.sha256(images[1].path.read_bytes()).hexdigest()
    assert known.find_header(tmp_path / "3.jpg") is None


def test_what_was_inspected_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    images, cache = draw_images(tmp_path, 5), tmp_path / "cache.json"

    def interrupt(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect(images, tmp_path, cache_file=cache, progress=interrupt)
    told: list[int] = []
    inspect(images, tmp_path, cache_file=cache, progress=told.append)
    assert told == [4, 5]


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    images = draw_images(tmp_path, 1)
    assert inspect(images, tmp_path, cache_file=tmp_path / "file" / "cache.json")[0].kind == ""


def crash_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes die on files of one name, as a broken decoder would."""

    def dying(path: Path, embedded: Embedded | None = None, **options: object) -> Inspected:
        if path.name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return inspect_image(path, embedded)

    monkeypatch.setattr(inspectors, "inspect_image", dying)


def test_an_image_on_which_the_decoder_crashes_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_images(tmp_path, 70)
    wanted = [inspect_image(image.path) for image in images]
    wanted[20] = CRASHED
    crash_on("20.jpg", monkeypatch)
    assert inspect(images, tmp_path) == wanted


MEMORY = """
import resource, sys
from pathlib import Path
from pipeline.checks.inspectors import open_inspectors
with open_inspectors(2) as processes:
    for found in processes.inspect([(path, None) for path in sys.argv[1:]]):
        print(found.kind)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000)
"""


def test_bombs_take_bounded_memory(tmp_path: Path) -> None:
    """Largest sizes that are decoded, and larger ones that are not; of the former one at a time."""
    (tmp_path / "largest.png").write_bytes(png_of(13_000, 13_000, b"\x78\x9c"))
    (tmp_path / "larger.png").write_bytes(png_of(100_000, 100_000))
    (tmp_path / "largest.gif").write_bytes(b"GIF89a" + (13_000).to_bytes(2, "little") * 2 + bytes(3))
    paths = [str(tmp_path / name) for name in ("largest.png", "larger.png", "largest.gif")] * 4
    done = subprocess.run([sys.executable, "-c", MEMORY, *paths], capture_output=True, text=True, cwd=ROOT, check=True)
    *kinds, peak_mb = done.stdout.split()
    assert kinds == ["image_truncated", "image_bomb", "image_unreadable"] * 4
    assert int(peak_mb) < 1200


def test_a_process_that_needs_too_much_memory_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspectors, "MEMORY_BYTES", 50 * 10**6)
    (tmp_path / "a.png").write_bytes(png_of(9000, 9000, zlib.compress(bytes(9000 * 3 + 1) * 9000)))
    (found,) = inspect([Image(tmp_path / "a.png", "a.png", 9000, 9000, ())], tmp_path)
    assert (found.kind, found.reason) == ("image_bomb", "not decoded: it needs more memory than an image may")


WAITING = """
import sys, time
from pipeline.checks.inspectors import open_inspectors
with open_inspectors(2) as processes:
    print(*processes._pool._processes, flush=True)
    time.sleep(60)
"""


def test_no_process_outlives_the_one_that_started_it() -> None:
    """They would hold the stage's lock for ever."""
    assert_none_outlives(WAITING)


def test_the_limit_is_for_the_processes_only() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open_inspectors(1):
        assert resource.getrlimit(resource.RLIMIT_AS) == before
