"""Read the frames of films, upright and one at a time.

    with read_frames(Path("clip.mp4"), every=30) as frames:
        for frame in frames:
            print(frame_name("clip.mp4", frame.number), frame.seconds, frame.pixels.shape)
    print(f"{frames.damaged} frames were damaged")

FFmpeg decodes and converts (PyAV, which is imported only when a film is opened), as most video tools do:
colours of films that do not name theirs are BT.601, 10 bits become 8, high dynamic range is not toned down,
interlaced fields stay woven into one frame. Pixels that are not square are left as the film stores them:
scaling would invent pixels for a detector that scales its input anyway. `VideoFacts.pixel_aspect` tells them,
and an annotated film can keep it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.detecting.film_pixels import PictureConverter
from pipeline.errors import DataError

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer

WANTED = "wanted MP4, MOV, MKV, WebM, AVI or another film that FFmpeg reads"
AGAIN = "copy it once more from where it was recorded"
USUAL_RATE = 25
LATE_S = 0.5


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a film says of itself, upright; `frames` is counted only by reading it, so this is the film's own word."""

    width: int
    height: int
    frames: int | None
    rate: Fraction | None
    seconds: float | None
    pixel_aspect: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame: upright RGB pixels [height, width, 3].

    `number` counts all decoded frames from 0. `pts` counts ticks of `time_base` and rises from frame to frame:
    where a film's own times are missing or step back, a frame's length is added to the time before.
    """

    number: int
    seconds: float
    pixels: NDArray[np.uint8]
    pts: int
    time_base: Fraction


def frame_name(video_name: str, number: int) -> str:
    """Name a film's frame: "sub/clip.mp4", 120 -> "sub/clip.mp4/000120.jpg"."""
    return f"{video_name}/{number:06d}.jpg"


def describe_video(path: Path) -> VideoFacts:
    """Read what a film says of itself, and its first frame; raises DataError for what is no readable film."""
    with FrameReader(path) as frames:
        next(frames)
        assert frames.facts is not None
        return frames.facts


def read_frames(path: Path, *, every: int = 1) -> FrameReader:
    """Read a film's frames 0, `every`, 2 * `every`, ... ; the file is opened with the first one."""
    return FrameReader(path, every=every)


class FrameReader(Iterator[Frame]):
    """Yields a film's frames in order. Memory stays flat; frames between those wanted are decoded, not converted.

    A packet that cannot be decoded is skipped, as cameras on a bad network write them; `damaged` counts these, and
    the frames that the decoder had to patch. Raises DataError for a file that is no film, for a film of which no
    frame can be decoded, and, after the last frame, for one that breaks off more than half a second before its end.
    Formats that do not tell their length, such as .ts, have no end to miss.
    """

    def __init__(self, path: Path, *, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; wanted 1 or more")
        self.facts: VideoFacts | None = None  # from the first frame on
        self.damaged = 0
        self._path = path
        self._every = every
        self._passed = 0  # frames yielded or left out
        self._stop: str | None = None
        self._frames = self._read()

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()

    def _read(self) -> Generator[Frame, None, None]:
        """Decode with a frame a thread; at the first damage start again with whole frames in one thread.

        When FFmpeg's frame threads meet damage near the end, PyAV loses up to a frame a thread that stand before it.
        """
        import av

        try:
            yield from self._decode(careful=False)
        except av.FFmpegError:
            yield from self._decode(careful=True)

    def _decode(self, *, careful: bool) -> Generator[Frame, None, None]:
        import av
        from av.codec.context import ThreadType

        number, self.damaged, self._stop = -1, 0, None
        converter = PictureConverter()
        with _opened(self._path) as (film, stream):
            stream.codec_context.thread_type = ThreadType.SLICE if careful else ThreadType.AUTO
            clock = _Clock(film, stream)
            for packet in self._packets(film, stream):
                try:
                    pictures = stream.decode(packet)
                except av.FFmpegError:
                    if not careful:
                        raise
                    self.damaged += 1
                    continue
                for picture in pictures:
                    number += 1
                    self.damaged += picture.is_corrupt
                    pts = clock.tick(picture)
                    if number < self._passed:
                        continue
                    self._passed = number + 1
                    self.facts = self.facts or _facts(film, stream, picture, swap=converter.turn(picture).swap)
                    if number % self._every == 0:
                        try:
                            pixels = converter.convert(picture)
                        except av.FFmpegError as error:
                            what = f"frame {number} has {picture.format.name} pixels, which FFmpeg does not turn to RGB"
                            raise DataError(f"{self._path}: {what}") from error
                        yield Frame(number, clock.seconds, pixels, pts, clock.time_base)
        if number < 0:
            raise DataError(f"{self._path}: not one frame of it can be decoded; {WANTED}", hint=AGAIN)
        if stop := self._stop or clock.missing():
            place = f"after frame {number} ({clock.seconds:.1f} s)"
            raise DataError(f"{self._path}: cannot be read {place}: {stop}", hint=AGAIN)

    def _packets(self, film: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream] | None]:
        """Yield the coded frames, and None in the end, for which the decoder gives what it still holds.

        An AVI's empty packet says that a frame was left out; a decoder would take it for the end.
        """
        import av

        try:
            for packet in film.demux(stream):
                if packet.has_sidedata("encryption_info"):
                    raise DataError(f"{self._path}: is encrypted; {WANTED}")
                if packet.size:
                    yield packet
        except av.FFmpegError as error:
            self._stop = str(error.strerror)
        yield None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    import av

    try:
        film = av.open(str(path.absolute()), metadata_errors="replace")
    except av.FFmpegError as error:
        raise DataError(f"{path}: {_why_unreadable(path, error)}; {WANTED}") from error
    with film:
        best = film.streams.best("video")
        moving = [one for one in film.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
        if not moving:
            kinds = {"a still picture" if one.type == "video" else one.type for one in film.streams}
            raise DataError(
                f"{path}: has no moving pictures, only {' and '.join(sorted(kinds)) or 'nothing'}; {WANTED}"
            )
        stream = next((one for one in moving if one is best), moving[0])
        if cast(Any, stream.codec_context) is None:
            raise DataError(
                f"{path}: its pictures are encrypted, or coded in a way that FFmpeg does not know; {WANTED}"
            )
        yield film, stream


def _why_unreadable(path: Path, error: Any) -> str:
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(8)
        if not head:
            return "is empty"
        if head[4:] == b"ftyp":
            return "is an MP4 without its index, which is written last: it is cut off, or still being recorded"
    return f"cannot be read as a film: {error.strerror}"


class _Clock:
    """Gives each picture a time that is later than the one before, and knows when a film should end."""

    def __init__(self, film: InputContainer, stream: VideoStream) -> None:
        self.time_base = stream.time_base or Fraction(1, USUAL_RATE)
        self._frame = max(1, round(1 / (stream.average_rate or USUAL_RATE) / self.time_base))
        self._start = stream.start_time
        self._last: int | None = None
        self._reached = 0
        self._ticks = 0
        self._promised = _promised_end(film, stream)

    @property
    def seconds(self) -> float:
        return float(((self._last or 0) - (self._start or 0)) * self.time_base)

    def tick(self, picture: VideoFrame) -> int:
        length = picture.duration or self._frame
        follows = 0 if self._last is None else self._last + length
        stated = follows if picture.pts is None else picture.pts
        self._reached = max(self._reached, stated + length)
        self._last = stated if self._last is None or stated > self._last else follows
        self._start = self._last if self._start is None else self._start
        self._ticks += 1
        return self._last

    def missing(self) -> str | None:
        if self._promised is None:
            return None
        start = (self._start or 0) * self.time_base
        reached = self._reached * self.time_base
        late = max(LATE_S, 2 * float(reached - start) / self._ticks)
        if self._promised - float(reached) <= late:
            return None
        return f"the film should last {self._promised - float(start):.1f} s; the rest is missing or damaged"


def _promised_end(film: InputContainer, stream: VideoStream) -> float | None:
    """Find when the last frame should end, in seconds on the film's own clock."""
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    if film.format.name == "avi" and stream.average_rate:  # its duration is guessed from the file's size
        return start + float(stream.frames / stream.average_rate)
    if stream.duration and stream.time_base:
        return start + float(stream.duration * stream.time_base)
    if stated := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):  # Matroska
        hours, minutes, seconds = stated.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return film.duration / 1e6 if film.duration and len(film.streams) == 1 else None  # else the sound may be longer


def _facts(film: InputContainer, stream: VideoStream, picture: VideoFrame, *, swap: bool) -> VideoFacts:
    rate = stream.average_rate
    seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    if seconds is None and film.duration:
        seconds = film.duration / 1e6
    # An MP4 also counts frames that its edit list hides, an AVI those that were cut off
    counts = [count for count in (stream.frames, round(seconds * rate) if seconds and rate else 0) if count]
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return VideoFacts(
        width=picture.height if swap else picture.width,
        height=picture.width if swap else picture.height,
        frames=min(counts, default=None),
        rate=rate or None,
        seconds=seconds,
        pixel_aspect=1 / aspect if swap else aspect,
    )
