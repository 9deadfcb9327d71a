"""Write pictures of a film, with boxes drawn into them, as a film that plays at the same speed: MP4, H.264, no sound.

    with read_frames(Path("clip.mov"), every=5) as frames, FilmWriter(Path("out/clip.mov.mp4")) as film:
        for frame in frames:
            film.write(draw(frame.pixels), pts=frame.pts, time_base=frame.time_base)

Memory stays flat but for the few pictures that the encoder looks ahead.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

ENCODERS = {  # the better first; the second is for builds of FFmpeg without GPL parts
    "libx264": {"crf": "23", "preset": "veryfast"},
    "mpeg4": {"flags": "+qscale", "global_quality": str(4 * 118)},
}
FINEST_MPEG4 = Fraction(1, 60000)  # MPEG-4 part 2 counts at most 65535 ticks a second; 24, 25, 30 and 60 divide this
BT709, LIMITED = 1, 1


class FilmWriter:
    """Writes a film under a hidden name; it gets its own name when the `with` block ends well, else it is removed.

    The first picture sets the size; others are scaled to it. Odd widths and heights grow by one column or row that
    repeats the edge: H.264 stores colours for 2x2 pixels. One thread writes, in the film's order. A film without
    pictures leaves no file.
    """

    def __init__(self, path: Path, *, pixel_aspect: Fraction = Fraction(1)) -> None:
        from av.video.reformatter import VideoReformatter

        self._path = path
        self._partial = path.with_name(f".{path.name}.part")
        self._pixel_aspect = pixel_aspect
        self._converter = VideoReformatter()
        self._film: OutputContainer | None = None

    def write(self, pixels: NDArray[np.uint8], *, pts: int, time_base: Fraction) -> None:
        """Append an upright RGB picture [height, width, 3], shown from `pts` on; the first is shown from 0 on."""
        import av

        film = self._film
        if film is None:
            film = self._open(pixels, time_base)
            self._first_s, self._last, self._gap = pts * time_base, -1, 0
        height, width = pixels.shape[:2]
        if (height, width) == self._size:
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = self._converter.reformat(
            av.VideoFrame.from_ndarray(pixels, format="rgb24"),
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace=BT709,
        )
        ticks = max(self._last + 1, round((pts * time_base - self._first_s) / self._time_base))
        self._gap = ticks - self._last if self._last >= 0 else round(Fraction(1, 25) / self._time_base)
        picture.pts, picture.time_base, picture.duration = ticks, self._time_base, self._gap
        self._last = ticks
        film.mux(self._stream.encode(picture))

    def _open(self, pixels: NDArray[np.uint8], time_base: Fraction) -> OutputContainer:
        import av
        from av.codec.context import Flags

        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        height, width = self._size = pixels.shape[:2]
        self._time_base = time_base if encoder != "mpeg4" or time_base.denominator < 2**16 else FINEST_MPEG4
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Browsers show a film before they have all of it
        faststart = {"movflags": "+faststart"}
        self._film = av.open(str(self._partial.absolute()), "w", format="mp4", container_options=faststart)
        stream = self._film.add_stream(encoder, options=dict(ENCODERS[encoder]))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        coder = stream.codec_context
        coder.time_base = self._time_base
        coder.sample_aspect_ratio = self._pixel_aspect
        coder.thread_count = 0
        coder.flags |= Flags.frame_duration  # else the last picture lasts as long as FFmpeg guesses
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709
        coder.color_range = LIMITED
        self._stream: VideoStream = stream
        return self._film

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._film is None:
            return
        try:
            if error is None:
                self._film.mux(self._stream.encode(None))
                self._film.close()
                self._partial.replace(self._path)
        finally:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._film.close()
            self._partial.unlink(missing_ok=True)
