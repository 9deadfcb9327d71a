"""OUT/annotated/clip.mp4: a film with the boxes of its detections drawn into each frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.detecting.film_writer import FilmWriter
from pipeline.detecting.saving import draw
from pipeline.detecting.videos import Frame
from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import ImageFile


class AnnotatedFilms:
    """Writes one film at a time; FOLDER/a/clip.mov becomes FOLDER/a/clip.mov.mp4."""

    def __init__(self, folder: Path, class_names: Mapping[int, str]) -> None:
        self._folder = folder
        self._class_names = class_names

    @contextmanager
    def open(self, video: ImageFile, *, pixel_aspect: Fraction) -> Iterator[AnnotatedFilm]:
        """Open the film of a video; it appears when all frames are in, and not at all after an error."""
        name = video.name if video.name.lower().endswith(".mp4") else video.name + ".mp4"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FilmWriter(path, pixel_aspect=pixel_aspect) as writer:
            yield AnnotatedFilm(writer, self._class_names)


class AnnotatedFilm:
    """A film that is being written."""

    def __init__(self, writer: FilmWriter, class_names: Mapping[int, str]) -> None:
        self._writer = writer
        self._class_names = class_names

    def add(self, frame: Frame, detections: Sequence[Detection]) -> None:
        """Draw the detections into a frame and append it."""
        drawn = np.asarray(draw(frame.pixels, detections, self._class_names))
        self._writer.write(drawn, pts=frame.pts, time_base=frame.time_base)
