from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.detecting.videos import describe_video, read_frames
from pipeline.errors import DataError
from tests.detect.films import H264, cut, number_of, paint, spoil, to_jpeg, write_film, write_sound

FASTSTART = {"movflags": "+faststart"}
ALL_KEYS = {**H264, "g": "1", "bf": "0"}
WANTED = "wanted MP4, MOV, MKV, WebM, AVI or another film that FFmpeg reads"


def read_until_broken(path: Path) -> tuple[list[int], str]:
    numbers: list[int] = []
    with pytest.raises(DataError) as error:
        for frame in read_frames(path):
            assert frame.number == len(numbers)
            numbers.append(number_of(frame.pixels))
    return numbers, str(error.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.mkv", "cut.webm", "cut.avi", "cut.flv"])
def test_a_film_that_is_cut_off_gives_what_it_has_and_then_tells(tmp_path: Path, name: str) -> None:
    codec = {".webm": "libvpx-vp9", ".avi": "mjpeg"}.get(Path(name).suffix, "libx264")
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {**H264, "bf": "0"} if codec == "libx264" else {}
    container = FASTSTART if name in ("cut.mp4", "cut.mov") else {}
    path = write_film(
        tmp_path / name, codec, frames=40, rough=True, options=options, container=container, pixel_format=pixel_format
    )
    numbers, message = read_until_broken(cut(path, 0.6))
    assert numbers[:-1] == list(range(len(numbers) - 1))  # the last is the one that the cut went through
    assert 15 < len(numbers) < 30
    assert message.startswith(
        f"{name}: cannot be read after frame {len(numbers) - 1} ({(len(numbers) - 1) / 10:.1f} s): "
    )
    assert message.endswith("the film should last 4.0 s; the rest is missing or damaged")


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    path = spoil(write_film(tmp_path / "clip.mp4", frames=40, options=ALL_KEYS), [10, 20, 21])
    with read_frames(path) as frames:
        numbers = [number_of(frame.pixels) for frame in frames]
    assert numbers == [number for number in range(40) if number not in (10, 20, 21)]
    assert frames.damaged == 3


def test_frames_that_the_decoder_patched_are_counted_too(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4", "mpeg4", frames=20, options={"g": "1"}, rough=True)
    spoil(spoil(path, [5], kept_share=0.5), [10])
    with read_frames(path) as frames:
        assert [number_of(frame.pixels) for frame in frames if frame.number != 5] == [
            *range(5),
            *range(6, 10),
            *range(11, 20),
        ]
    assert frames.damaged == 2


def test_damage_near_the_end_costs_no_frame_before_it(tmp_path: Path) -> None:
    path = spoil(write_film(tmp_path / "clip.mp4", frames=40, options=ALL_KEYS), [39])
    with read_frames(path) as frames:
        assert [number_of(frame.pixels) for frame in frames] == list(range(39))
    assert frames.damaged == 1


def test_a_sound_film_has_no_damage(tmp_path: Path) -> None:
    with read_frames(write_film(tmp_path / "clip.mp4")) as frames:
        assert len(list(frames)) == 20
    assert frames.damaged == 0


def test_a_film_that_is_damaged_to_its_end_tells_where_it_broke(tmp_path: Path) -> None:
    path = spoil(write_film(tmp_path / "clip.mp4", frames=40, options=ALL_KEYS), range(25, 40))
    numbers, message = read_until_broken(path)
    assert numbers == list(range(25))
    assert message == (
        "clip.mp4: cannot be read after frame 24 (2.4 s): "
        "the film should last 4.0 s; the rest is missing or damaged"
    )  # fmt: skip


def test_a_film_of_which_nothing_can_be_decoded_is_named(tmp_path: Path) -> None:
    path = spoil(write_film(tmp_path / "clip.mp4", options=ALL_KEYS), range(20))
    assert read_until_broken(path) == ([], f"clip.mp4: not one frame of it can be decoded; {WANTED}")


def an_empty_file(path: Path) -> None:
    path.write_bytes(b"")


def a_text(path: Path) -> None:
    path.write_text("This is no film.\n" * 100)


def subtitles(path: Path) -> None:
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")


def a_song_with_a_cover(path: Path) -> None:
    write_sound(path, cover=to_jpeg(Image.fromarray(paint(0))))


def a_film_being_recorded(path: Path) -> None:
    cut(write_film(path), 0.5)


def an_encrypted_film(path: Path) -> None:
    key, key_id = "76a6c65c5ea762046bd749a2e632ccbb", "a7e61c373e219033c21091fa607bf3b8"
    write_film(path, container={"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key_id})


def an_unknown_codec(path: Path) -> None:
    write_film(path)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))


REFUSED: dict[Callable[[Path], object], str] = {
    an_empty_file: "is empty",
    a_text: "cannot be read as a film: Invalid data found when processing input",
    subtitles: "has no moving pictures, only subtitle",
    write_sound: "has no moving pictures, only audio",
    a_song_with_a_cover: "has no moving pictures, only a still picture and audio",
    Path.mkdir: "cannot be read as a film: Is a directory",
    Path.exists: "cannot be read as a film: No such file or directory",
    a_film_being_recorded: (
        "is an MP4 without its index, which is written last: it is cut off, or still being recorded"
    ),
    an_encrypted_film: "is encrypted",
    an_unknown_codec: "its pictures are encrypted, or coded in a way that FFmpeg does not know",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_what_is_no_film_is_refused_with_a_reason(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    for read in (describe_video, lambda path: list(read_frames(path))):
        with pytest.raises(DataError) as error:
            read(path)
        assert str(error.value) == f"{path}: {REFUSED[make]}; {WANTED}"
