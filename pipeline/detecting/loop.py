"""Look at images and videos one after the other: detect, save what is made of each, write down that it is done.

    detecting = Detecting(detector, selection, journal, savers, films)
    detecting.over_images(images)
    detecting.over_videos(videos, every=5)
    detecting.finish(out, images + videos, class_names)

What can't be read is named and left out; at the end that is an error, after all results are written. Memory stays flat:
a few pictures are in work at a time, and results are read back from the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.core_count import count_cores
from pipeline.detecting.annotated_films import AnnotatedFilms
from pipeline.detecting.journal import Journal, to_rows
from pipeline.detecting.picture_detectors import PictureDetector
from pipeline.detecting.results import ResultWriter
from pipeline.detecting.saving import Picture, Saver
from pipeline.detecting.selection import Selection
from pipeline.detecting.videos import Frame, describe_video, frame_name, read_frames
from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import ImageFile, describe_broken, describe_problem, map_ahead
from pipeline.errors import DataError
from pipeline.report.screen import Progress, say

Found = tuple[int, int, list[Detection]]  # width, height, what is shown


class Detecting:
    """One detection: `films` is None where no annotated copies are wanted."""

    def __init__(
        self,
        detector: PictureDetector,
        selection: Selection,
        journal: Journal,
        savers: Sequence[Saver],
        films: AnnotatedFilms | None,
    ) -> None:
        self._detector = detector
        self._selection = selection
        self._journal = journal
        self._savers = savers
        self._films = films
        self._broken: list[str] = []
        self._cut: list[str] = []

    def over_images(self, files: Sequence[ImageFile]) -> None:
        """Detect in image files, several at a time, those that are done left out."""
        left = [file for file in files if not self._journal.has(file)]
        start = len(files) - len(left)
        if start:
            say(f"{start} of {len(files)} images are done already")
        left = [file for file in left if self._detector.knows(file.name)]
        with Progress("detect", total=start + len(left), start=start) as progress:
            for number, (file, found, error) in enumerate(map_ahead(self._in_image, left, count_cores()), start + 1):
                if error is not None:
                    self._name_broken(file, error)
                else:
                    width, height, detections = found
                    self._journal.add(file, width=width, height=height, detections=to_rows(detections))
                progress.update(number)

    def over_videos(self, files: Sequence[ImageFile], *, every: int) -> None:
        """Detect in every n-th frame of videos, one video after the other; an unfinished one begins anew."""
        for file in files:
            if self._journal.has(file):
                continue
            try:
                self._over_video(file, every)
            except (DataError, OSError) as error:
                self._name_broken(file, error)

    def finish(self, out: Path, files: Sequence[ImageFile], class_names: Mapping[int, str]) -> None:
        """Write the tables, close the journal for good; raises DataError when some files could not be read."""
        names = {file.name for file in files}
        done = names - set(self._broken)
        if done:
            with ResultWriter(out, class_names) as writer:
                for entry in self._journal.entries(done):
                    writer.write(
                        entry["name"],
                        width=entry["width"],
                        height=entry["height"],
                        detections=entry["detections"],
                        seconds=entry.get("seconds"),
                    )
            say(f"{writer.objects} objects in {writer.images} images")
        self._journal.remove()
        if self._broken:
            raise DataError(describe_broken(len(self._broken), len(names)))
        if self._cut:
            raise DataError(f"{len(self._cut)} of {len(names)} could be read in part only; they are named above")

    def _in_image(self, file: ImageFile) -> Found:
        """Work on one file, in a thread: returns width, height and what is shown."""
        pixels = decode_rgb(file.path)
        found = self._in_picture(Picture(file.name, pixels, Path(file.path)))
        height, width = pixels.shape[:2]
        return width, height, found

    def _in_picture(self, picture: Picture) -> list[Detection]:
        found = self._selection.choose(self._detector.detect(picture.name, picture.pixels))
        for saver in self._savers:
            saver.save(picture, found)
        return found

    def _over_video(self, file: ImageFile, every: int) -> None:
        facts = describe_video(Path(file.path))
        total = -(-facts.frames // every) if facts.frames else 0
        frames = 0

        def in_frame(frame: Frame) -> list[Detection]:
            return self._in_picture(Picture(frame_name(file.name, frame.number), frame.pixels, None))

        with ExitStack() as stack:
            film = stack.enter_context(self._films.open(file, pixel_aspect=facts.pixel_aspect)) if self._films else None
            progress = stack.enter_context(Progress(f"detect {file.name}", total=total, unit="frame"))
            for frame, found, error in map_ahead(in_frame, self._known(file, every), count_cores()):
                if error is not None:
                    raise error
                if film:
                    film.add(frame, found)
                height, width = frame.pixels.shape[:2]
                self._journal.add_part(
                    frame_name(file.name, frame.number),
                    width=width, height=height, seconds=round(frame.seconds, 3), detections=to_rows(found),
                )  # fmt: skip
                frames += 1
                progress.update(frames)
        self._journal.add(file, frames=frames)

    def _known(self, file: ImageFile, every: int) -> Iterator[Frame]:
        """Yield the frames that are looked at; a film that breaks off has ended there, and is named."""
        number = None
        try:
            with read_frames(Path(file.path), every=every) as frames:
                for frame in frames:
                    number = frame.number
                    if self._detector.knows(frame_name(file.name, number)):
                        yield frame
            if frames.damaged:
                say(f"{file.name}: {frames.damaged} damaged frames were left out or patched")
        except DataError as error:
            if number is None:
                raise
            self._cut.append(file.name)
            say(f"cut short: {describe_problem(error)}")

    def _name_broken(self, file: ImageFile, error: BaseException) -> None:
        self._broken.append(file.name)
        say(f"skipped {file.name}: {describe_problem(error)}")
