from __future__ import annotations

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.detecting.videos import describe_video, frame_name, read_frames
from pipeline.detections.image_folder import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_video
from tests.detect.films import BLUE, H264, RED, WHITE, far_from, number_of, paint, to_jpeg, write_film, write_jpegs
from tests.project import ROOT

MATRICES = {  # ISO 14496-12: a b u c d v x y w; what is at the stored top left, and where it is seen
    "a quarter to the right": ((0, 1, -1, 0), -1, False),
    "upside down": ((-1, 0, 0, -1), 2, False),
    "a quarter to the left": ((0, -1, 1, 0), 1, False),
    "as it is": ((1, 0, 0, 1), 0, False),
    "mirrored": ((-1, 0, 0, 1), 0, True),
    "mirrored, then a quarter to the right": ((0, -1, -1, 0), -1, True),
}


def read_all(path: Path, every: int = 1) -> list[Any]:
    return list(read_frames(path, every=every))


def patch_matrix(path: Path, abcd: tuple[int, int, int, int]) -> None:
    """Set the matrix in the track header, which is 9 numbers, as a phone does."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in abcd)
    assert struct.unpack(">9i", data[place : place + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def test_a_film_is_told_by_its_name_and_a_gif_is_an_image() -> None:
    assert [is_video(name) for name in ("a/B.MP4", "c.mov", "d.mts", "e.gif", "f.jpg", "mp4", "g.mp4.jpg")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert not set(VIDEO_SUFFIXES) & set(IMAGE_SUFFIXES)


def test_frames_are_named_where_pyav_is_missing() -> None:
    code = "import sys; sys.modules['av'] = None; from pipeline.detecting.videos import *; print(frame_name('a', 1))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "a/000001.jpg\n"


def test_a_frame_is_named_by_its_film_and_number() -> None:
    assert frame_name("sub/clip.mp4", 120) == "sub/clip.mp4/000120.jpg"
    assert frame_name("clip.mp4", 12345678) == "clip.mp4/12345678.jpg"


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("h264.mp4", "libx264", "yuv420p"),
        ("h265.mp4", "libx265", "yuv420p"),
        ("h264.mov", "libx264", "yuv420p"),
        ("h264.mkv", "libx264", "yuv420p"),
        ("h264.ts", "libx264", "yuv420p"),
        ("h264.flv", "libx264", "yuv420p"),
        ("h264 with pictures out of order.avi", "libx264", "yuv420p"),
        ("raw.h264", "libx264", "yuv420p"),
        ("vp9.webm", "libvpx-vp9", "yuv420p"),
        ("mpeg4.avi", "mpeg4", "yuv420p"),
        ("mjpeg.avi", "mjpeg", "yuvj420p"),
        ("wmv2.wmv", "wmv2", "yuv420p"),
        ("100% of it: clip %03d.mp4", "libx264", "yuv420p"),
    ],
)
def test_every_kind_of_film_gives_its_frames_in_order(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {**H264, "bf": "2"} if "64" in codec else {}
    path = write_film(tmp_path / name, codec, pixel_format=pixel_format, options=options)
    frames = read_all(path)
    assert [frame.number for frame in frames] == list(range(20))
    assert [number_of(frame.pixels) for frame in frames] == list(range(20))
    assert {(frame.pixels.shape, frame.pixels.dtype) for frame in frames} == {((120, 160, 3), np.dtype(np.uint8))}
    assert max(far_from(frame.pixels) for frame in frames) <= 12
    assert all(late.pts > early.pts for early, late in zip(frames, frames[1:], strict=False))
    if name not in ("raw.h264", "h264 with pictures out of order.avi"):  # which hold no times of their own
        assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in range(20)], abs=0.002)
    facts = describe_video(path)
    assert (facts.width, facts.height, facts.pixel_aspect) == (160, 120, 1)
    if name != "raw.h264":
        assert facts.rate == 10
        assert facts.frames == pytest.approx(20, abs=2)
        assert facts.seconds == pytest.approx(2, abs=0.21)


GRAY = [[value] * 3 for value in (81, 64, 255)]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "convert", "wanted"),
    [
        ("bt709.mp4", "libx264", "yuv420p", {"dst_colorspace": 1, "dst_color_range": 1}, (RED, BLUE, WHITE)),
        ("full_range.mp4", "libx264", "yuv420p", {"dst_colorspace": 1, "dst_color_range": 2}, (RED, BLUE, WHITE)),
        ("ten_bits.mp4", "libx264", "yuv420p10le", {}, (RED, BLUE, WHITE)),
        ("yuv444.mp4", "libx264", "yuv444p", {}, (RED, BLUE, WHITE)),
        ("interlaced.mp4", "libx264", "yuv420p", {}, (RED, BLUE, WHITE)),
        ("rgb.mkv", "ffv1", "bgr0", {}, (RED, BLUE, WHITE)),
        ("gray16.mkv", "ffv1", "gray16le", {}, GRAY),
        ("alpha.mov", "prores_ks", "yuva444p10le", {}, (RED, BLUE, WHITE)),
    ],
)
def test_every_kind_of_pixels_becomes_rgb(
    tmp_path: Path, name: str, codec: str, pixel_format: str, convert: dict[str, int], wanted: Any
) -> None:
    def prepare(stream: Any) -> None:
        if convert:
            stream.codec_context.colorspace = convert["dst_colorspace"]
            stream.codec_context.color_range = convert["dst_color_range"]

    options = {**H264, "x264-params": "interlaced=1"} if name == "interlaced.mp4" else None
    path = write_film(
        tmp_path / name, codec, pixel_format=pixel_format, convert=convert, prepare=prepare, options=options, frames=3
    )
    frames = read_all(path)
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2]
    assert max(far_from(frame.pixels, wanted) for frame in frames) <= 6


def test_transparent_pixels_are_laid_over_white(tmp_path: Path) -> None:
    import av

    path = tmp_path / "alpha.mov"
    with av.open(str(path), "w") as film:
        stream = film.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 8, 4, "rgba"
        film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((4, 8, 4), np.uint8), format="rgba")))
        film.mux(stream.encode(None))
    assert {int(value) for frame in read_all(path) for value in np.unique(frame.pixels)} == {255}


@pytest.mark.parametrize("name", MATRICES)
def test_a_phones_film_is_turned_upright(tmp_path: Path, name: str) -> None:
    abcd, quarters, mirrored = MATRICES[name]
    path = write_film(
        tmp_path / "phone.mp4", frames=2, prepare=lambda stream: setattr(stream, "sample_aspect_ratio", Fraction(4, 3))
    )
    patch_matrix(path, abcd)
    stored = paint(0)[:, ::-1] if mirrored else paint(0)
    wanted = np.rot90(stored, quarters)
    (pixels,) = (frame.pixels for frame in read_all(path, every=2))
    assert pixels.shape == wanted.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - wanted).mean() < 4
    facts = describe_video(path)
    assert (facts.height, facts.width) == wanted.shape[:2]
    assert facts.pixel_aspect == (Fraction(3, 4) if quarters % 2 else Fraction(4, 3))


def test_gray_jpegs_become_rgb(tmp_path: Path) -> None:
    jpegs = [to_jpeg(Image.fromarray(paint(number)).convert("L")) for number in range(2)]
    frames = read_all(write_jpegs(tmp_path / "gray.avi", jpegs, width=160, height=120))
    assert [number_of(frame.pixels) for frame in frames] == [0, 1]
    assert max(far_from(frame.pixels, GRAY) for frame in frames) <= 3


def test_jpegs_are_turned_as_their_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write_jpegs(tmp_path / "turned.avi", [to_jpeg(Image.fromarray(paint(5)), exif=exif)], width=160, height=120)
    (frame,) = read_all(path)
    assert frame.pixels.shape == (160, 120, 3)
    assert np.abs(frame.pixels.astype(int) - np.rot90(paint(5), -1)).mean() < 4


def test_odd_sizes_stay_odd(tmp_path: Path) -> None:
    path = write_film(tmp_path / "odd.mkv", "ffv1", width=65, height=49, frames=2, pixel_format="bgr0")
    assert [frame.pixels.shape for frame in read_all(path)] == [(49, 65, 3)] * 2
    assert np.array_equal(read_all(path)[1].pixels, paint(1, width=65, height=49))


def test_only_the_wanted_frames_come_under_their_own_numbers(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4")
    frames = read_all(path, every=6)
    assert [frame.number for frame in frames] == [0, 6, 12, 18]
    assert [number_of(frame.pixels) for frame in frames] == [0, 6, 12, 18]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.6, 1.2, 1.8])
    assert [float(frame.pts * frame.time_base) for frame in frames] == pytest.approx([0, 0.6, 1.2, 1.8])
    with pytest.raises(ValueError, match="every is 0; wanted 1 or more"):
        read_frames(path, every=0)


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_a_variable_frame_rate_gives_each_frame_its_own_time(tmp_path: Path, name: str) -> None:
    times = [0, 1, 2, 10, 11, 30, 31]
    frames = read_all(write_film(tmp_path / name, frames=7, rate=30, times=times))
    assert [frame.seconds for frame in frames] == pytest.approx([tick / 30 for tick in times], abs=0.001)


def test_a_film_that_was_trimmed_without_coding_it_anew_shows_what_is_left(tmp_path: Path) -> None:
    path = write_film(tmp_path / "trimmed.mp4", frames=40)
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 12
    length, start = struct.unpack(">Ii", data[place : place + 8])
    data[place : place + 8] = struct.pack(">Ii", length // 2, start + 10240)
    path.write_bytes(data)
    frames = read_all(path)
    assert [(frame.number, number_of(frame.pixels)) for frame in frames] == [
        (number, number + 10) for number in range(20)
    ]
    assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in range(20)])
    facts = describe_video(path)
    assert (facts.frames, facts.seconds) == (20, 2)


def test_frames_that_an_avi_leaves_out_are_no_end(tmp_path: Path) -> None:
    path = write_film(tmp_path / "holes.avi", "mpeg4", frames=6, times=[0, 1, 2, 6, 7, 12])
    frames = read_all(path)
    assert [number_of(frame.pixels) for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.6, 0.7, 1.2])


def test_films_behind_each_other_in_one_file_change_size_and_time_goes_on(tmp_path: Path) -> None:
    parts = [write_film(tmp_path / f"{width}.ts", frames=10, width=width) for width in (160, 96)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read_all(path)
    assert [frame.pixels.shape for frame in frames] == [(120, 160, 3)] * 10 + [(120, 96, 3)] * 10
    assert all(late.pts > early.pts for early, late in zip(frames, frames[1:], strict=False))
    assert frames[-1].seconds == pytest.approx(1.9, abs=0.11)


def test_a_films_cover_is_not_its_pictures(tmp_path: Path) -> None:
    cover = to_jpeg(Image.new("RGB", (320, 240), "white"))
    frames = read_all(write_film(tmp_path / "film.mp4", frames=1, cover=cover))
    assert [(number_of(frame.pixels), frame.pixels.shape) for frame in frames] == [(0, (120, 160, 3))]


def test_a_title_in_another_encoding_is_no_obstacle(tmp_path: Path) -> None:
    path = write_film(tmp_path / "title.mp4", metadata={"title": "PLACEHOLDER"}, frames=2)
    path.write_bytes(path.read_bytes().replace(b"PLACEHOLDER", b"\xe9t\xe9 \xff\xfe 2019"))
    assert len(read_all(path)) == 2


def test_a_long_film_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = write_film(tmp_path / "long.mp4", frames=300, width=640, height=480, rate=30)
    memory_mb = {}
    for frame in read_frames(path):
        if frame.number in (30, 299):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            memory_mb[frame.number] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    assert memory_mb[299] - memory_mb[30] < 15  # 269 frames are 248 MB


def test_a_reader_that_is_left_early_closes_its_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4")
    with read_frames(path) as frames:
        next(frames)
        assert path in open_files()
    assert path not in open_files()


def open_files() -> list[Path]:
    return [Path(os.readlink(link)) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
