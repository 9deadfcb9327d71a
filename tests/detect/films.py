"""Real films for the tests, small, whose frames carry their number in black and white squares at the bottom."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image

RED, BLUE, WHITE = (200, 30, 30), (20, 60, 200), (255, 255, 255)
BITS = 8
H264 = {"preset": "veryfast", "crf": "18"}


def paint(number: int, *, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """Paint a frame: left half red, right half blue, white in the top left corner, the number at the bottom."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = RED, BLUE
    pixels[: height // 4, : width // 4] = WHITE
    side = width // BITS
    for bit in range(BITS):
        pixels[-side:, bit * side : (bit + 1) * side] = 255 if number >> bit & 1 else 0
    return pixels


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Read a frame's number from its squares."""
    side = pixels.shape[1] // BITS
    squares = [pixels[-side // 2, bit * side + side // 2].mean() > 128 for bit in range(BITS)]
    return sum(int(white) << bit for bit, white in enumerate(squares))


def colours_of(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Measure the red half, the blue half and the white corner: 3 x RGB."""
    height, width = pixels.shape[:2]
    places = (slice(0.35, 0.6), slice(0.1, 0.4)), (slice(0.1, 0.6), slice(0.6, 0.9)), (slice(0, 0.2), slice(0, 0.2))
    return np.array(
        [
            pixels[int(y.start * height) : int(y.stop * height), int(x.start * width) : int(x.stop * width)]
            .mean(axis=(0, 1))
            .round()
            for y, x in places
        ],
        dtype=np.int64,
    )


def far_from(pixels: NDArray[np.uint8], wanted: Sequence[Sequence[int]] = (RED, BLUE, WHITE)) -> int:
    """Say by how much the three colours are wrong at most."""
    return int(np.abs(colours_of(pixels) - np.array(wanted)).max())


def write_film(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = 20,
    width: int = 160,
    height: int = 120,
    rate: int = 10,
    pixel_format: str = "yuv420p",
    times: Sequence[int] | None = None,
    options: Mapping[str, str] | None = None,
    container: Mapping[str, str] | None = None,
    convert: Mapping[str, Any] | None = None,
    prepare: Callable[[Any], None] = lambda stream: None,
    rough: bool = False,
    metadata: Mapping[str, str] | None = None,
    cover: bytes | None = None,
) -> Path:
    """Write a film with FFmpeg; `times` are ticks of 1/rate, `rough` frames hold noise, so that packets have a size."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w", container_options=dict(container or {})) as film:
        film.metadata.update(metadata or {})
        add_cover = _prepare_cover(film, cover)
        given = options if options is not None else H264 if codec == "libx264" else {}
        stream = film.add_stream(codec, rate=rate, options=dict(given))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = Fraction(1, rate)
        prepare(stream)
        for number in range(frames):
            pixels = paint(number, width=width, height=height)
            if rough:
                middle = pixels[height // 3 : height * 2 // 3]
                middle[:] = noise.integers(0, 256, middle.shape)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format=pixel_format, **(convert or {})
            )
            picture.pts, picture.time_base = times[number] if times else number, Fraction(1, rate)
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
        add_cover()
    return path


def write_jpegs(path: Path, jpegs: Sequence[bytes], *, width: int, height: int) -> Path:
    """Write a film of JPEG files, as many cameras do."""
    with av.open(str(path), "w") as film:
        rate = Fraction(1, 10)
        stream = film.add_mux_stream("mjpeg", rate=10, width=width, height=height, time_base=rate)
        for number, jpeg in enumerate(jpegs):
            packet = av.Packet(jpeg)
            packet.pts, packet.dts, packet.time_base, packet.stream = number, number, rate, stream
            packet.is_keyframe = True
            film.mux(packet)
    return path


def write_sound(path: Path, *, cover: bytes | None = None) -> Path:
    """Write a film file that holds only sound, and perhaps a JPEG as its cover."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("aac", rate=48000)
        add_cover = _prepare_cover(film, cover)
        for number in range(10):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
            sound.rate, sound.pts = 48000, number * 1024
            film.mux(stream.encode(sound))
        film.mux(stream.encode(None))
        add_cover()
    return path


def _prepare_cover(film: Any, cover: bytes | None) -> Callable[[], None]:
    if cover is None:
        return lambda: None
    stream = film.add_mux_stream("mjpeg", width=160, height=120)
    stream.disposition = Disposition.attached_pic

    def add() -> None:
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 1000)
        film.mux(packet)

    return add


def to_jpeg(image: Image.Image, **more: Any) -> bytes:
    """Code an image as a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **more)
    return file.getvalue()


def cut(path: Path, share: float) -> Path:
    """Cut a file off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def spoil(path: Path, packets: Sequence[int], *, kept_share: float = 0) -> Path:
    """Overwrite coded frames with zeros, but for a share at their beginning."""
    with av.open(str(path)) as film:
        places = [(packet.pos, packet.size) for packet in film.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place, size in (places[packet] for packet in packets):
        kept = int(size * kept_share)
        data[place + kept : place + size] = bytes(size - kept)
    path.write_bytes(data)
    return path
