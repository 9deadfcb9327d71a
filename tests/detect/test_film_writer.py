from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detecting import film_writer
from pipeline.detecting.film_writer import FilmWriter
from pipeline.detecting.videos import Frame, describe_video, read_frames
from tests.detect.films import far_from, number_of, paint, write_film


def copy_film(source: Path, target: Path, *, every: int = 1) -> list[Frame]:
    with read_frames(source, every=every) as frames, FilmWriter(target) as film:
        taken = []
        for frame in frames:
            film.write(frame.pixels, pts=frame.pts, time_base=frame.time_base)
            taken.append(frame)
    return taken


def write_pictures(path: Path, pictures: list[NDArray[np.uint8]], **settings: Fraction) -> None:
    with FilmWriter(path, **settings) as film:
        for number, pixels in enumerate(pictures):
            film.write(pixels, pts=number, time_base=Fraction(1, 10))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts"])
@pytest.mark.parametrize("every", [1, 5])
def test_a_film_of_some_frames_plays_at_the_right_speed(tmp_path: Path, name: str, every: int) -> None:
    source = write_film(tmp_path / name, "mpeg4" if name == "clip.avi" else "libx264", frames=30)
    target = tmp_path / "out" / "deep" / "clip.mp4"
    taken = copy_film(source, target, every=every)
    written = list(read_frames(target))
    assert [number_of(frame.pixels) for frame in written] == list(range(0, 30, every))
    assert [frame.seconds for frame in written] == pytest.approx([frame.number / 10 for frame in taken], abs=0.002)
    assert max(far_from(frame.pixels) for frame in written) <= 12
    facts = describe_video(target)
    assert (facts.width, facts.height, facts.frames) == (160, 120, 30 // every)
    assert facts.seconds == pytest.approx(3, abs=0.01)
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]


def test_a_variable_frame_rate_stays_true(tmp_path: Path) -> None:
    times = [0, 1, 2, 10, 11, 30, 31]
    copy_film(write_film(tmp_path / "uneven.mkv", frames=7, rate=30, times=times), tmp_path / "copy.mp4")
    written = list(read_frames(tmp_path / "copy.mp4"))
    assert [frame.seconds for frame in written] == pytest.approx([tick / 30 for tick in times], abs=0.001)
    assert [number_of(frame.pixels) for frame in written] == list(range(7))
    assert describe_video(tmp_path / "copy.mp4").seconds == pytest.approx(32 / 30, abs=0.01)


def test_a_film_that_starts_late_is_written_from_its_first_frame(tmp_path: Path) -> None:
    with FilmWriter(tmp_path / "clip.mp4") as film:
        for number in range(3):
            film.write(paint(number), pts=90_000 * 3600 + number * 9000, time_base=Fraction(1, 90_000))
    with av.open(str(tmp_path / "clip.mp4")) as written:
        assert [picture.time for picture in written.decode(video=0)] == pytest.approx([0, 0.1, 0.2])


def test_browsers_and_players_can_show_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "clip.mp4", [paint(number) for number in range(3)])
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "clip.mp4")) as film:
        (stream,) = film.streams
        assert isinstance(stream, av.VideoStream)
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)


@pytest.mark.parametrize(("width", "height"), [(65, 49), (65, 48), (64, 49), (1, 1)])
def test_odd_sizes_grow_by_repeating_the_edge(tmp_path: Path, width: int, height: int) -> None:
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[:, width // 2 :] = 200
    write_pictures(tmp_path / "odd.mp4", [pixels])
    (frame,) = read_frames(tmp_path / "odd.mp4")
    assert frame.pixels.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame.pixels[:height, :width].astype(int) - pixels).max() <= 12
    assert np.abs(frame.pixels[:, -1].astype(int) - 200).max() <= 12
    assert np.abs(frame.pixels[-1, -width // 4 :].astype(int) - 200).max() <= 12


def test_pictures_of_another_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    write_pictures(tmp_path / "sizes.mp4", [paint(0), paint(1, width=320, height=240), paint(2, width=80, height=91)])
    frames = list(read_frames(tmp_path / "sizes.mp4"))
    assert [frame.pixels.shape for frame in frames] == [(120, 160, 3)] * 3
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2]


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    write_pictures(tmp_path / "wide.mp4", [paint(0)], pixel_aspect=Fraction(4, 3))
    assert describe_video(tmp_path / "wide.mp4").pixel_aspect == Fraction(4, 3)


def test_pixels_of_any_layout_are_written(tmp_path: Path) -> None:
    write_pictures(tmp_path / "views.mp4", [paint(3)[:, ::-1], np.rot90(paint(3, width=120, height=160))])
    first, second = read_frames(tmp_path / "views.mp4")
    assert np.abs(first.pixels.astype(int) - paint(3)[:, ::-1]).mean() < 6
    assert np.abs(second.pixels.astype(int) - np.rot90(paint(3, width=120, height=160))).mean() < 6


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_film_leaves_nothing_but_the_one_before(tmp_path: Path, kind: type[BaseException]) -> None:
    for before in ([], ["clip.mp4"]):
        with pytest.raises(kind, match="stop"), FilmWriter(tmp_path / "clip.mp4") as film:
            film.write(paint(0), pts=0, time_base=Fraction(1, 10))
            raise kind("stop")
        assert os.listdir(tmp_path) == before
        (tmp_path / "clip.mp4").write_text("the one before")
    assert (tmp_path / "clip.mp4").read_text() == "the one before"


def test_a_film_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    with FilmWriter(tmp_path / "clip.mp4"):
        pass
    assert os.listdir(tmp_path) == []


@contextmanager
def at_most(file_bytes: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("file_bytes", [1000, 100_000])
def test_a_disk_that_fills_up_is_told_and_nothing_is_left(tmp_path: Path, file_bytes: int) -> None:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 256, (120, 160, 3)).astype(np.uint8) for _ in range(60)]
    with at_most(file_bytes), pytest.raises(OSError, match="File too large"):
        write_pictures(tmp_path / "clip.mp4", pictures)
    assert os.listdir(tmp_path) == []


def test_an_ffmpeg_without_x264_writes_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(film_writer.ENCODERS, "libx264")
    with FilmWriter(tmp_path / "clip.mp4") as film:
        for number in range(6):
            film.write(paint(number), pts=number * 3003, time_base=Fraction(1, 90_000))
    with av.open(str(tmp_path / "clip.mp4")) as written:
        assert written.streams.video[0].codec_context.name == "mpeg4"
    frames = list(read_frames(tmp_path / "clip.mp4"))
    assert [number_of(frame.pixels) for frame in frames] == list(range(6))
    assert [frame.seconds for frame in frames] == pytest.approx([number * 1001 / 30000 for number in range(6)])
    assert max(far_from(frame.pixels) for frame in frames) <= 12
