"""What has been detected so far, kept so that an interrupted run goes on where it was: one JSON line an item.

    {"journal": {"model": "...", "tiles": null}}                                    what the results depend on
    {"name": "a.jpg", "stamp": "81920:1760000000", "width": 640, "height": 480,
     "detections": [[class_id, score, ymin, xmin, ymax, xmax], ...]}                  an image, finished
    {"name": "b.mp4/000000.jpg", "part": true, "seconds": 0.0, ...}                   a frame
    {"name": "b.mp4", "stamp": "...", "frames": 250}                                  its video, finished

A line is written when its item is finished, all at once. Of what a killed run left, a torn last line and the frames of
an unfinished video are dropped; all of it, when the results depend on something else now. A stamp is a file's size and
time: an image that changed meanwhile is done again.
Python 3.6 syntax and standard library only: scripts inside the TensorFlow images use it too.
"""

import io
import json
import os
from typing import Any, Dict, Iterator, List, Tuple

from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import ImageFile

HEADER = "journal"
WORK = ".detecting"  # the folder beside the results that holds journals while there is something to go on from


class Journal:
    """A journal that is open for appending. `resumed` counts the items that were finished before."""

    def __init__(self, path: str, identity: Dict[str, Any]) -> None:
        self.path = path
        self._finished = {}  # type: Dict[str, str]
        end = self._read_finished(identity)
        self.resumed = len(self._finished)
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if end:
            os.truncate(path, end)
            self._file = io.open(path, "a", encoding="utf-8")  # noqa: SIM115
        else:
            self._file = io.open(path, "w", encoding="utf-8")  # noqa: SIM115
            self._write({HEADER: identity})

    def has(self, file: ImageFile) -> bool:
        """Tell whether an item is finished, and its file is still as it was then."""
        return self._finished.get(file.name) == stamp(file.path)

    def add(self, file: ImageFile, **facts: Any) -> None:
        """Write down that an item is finished."""
        self._finished[file.name] = stamp(file.path)
        self._write(dict(facts, name=file.name, stamp=self._finished[file.name]))

    def add_part(self, name: str, **facts: Any) -> None:
        """Write down a frame of the item that `add` will finish."""
        self._write(dict(facts, name=name, part=True))

    def entries(self, names: "Any") -> Iterator[Dict[str, Any]]:
        """Yield the lines of images and frames, `detections` as `Detection`s, of those items that `names` holds.

        Memory stays flat. Of an item that was done again only the last time counts.
        """
        self._file.flush()
        parts = []  # type: List[int]
        with io.open(self.path, "rb") as again:
            for at, entry in _read_lines(self.path):
                if entry.get("part"):
                    parts.append(at)
                elif HEADER not in entry:
                    counts = entry["name"] in names and self._finished.get(entry["name"]) == entry["stamp"]
                    if counts and "frames" in entry:
                        for place in parts:
                            again.seek(place)
                            yield _to_entry(json.loads(again.readline().decode("utf-8")))
                    elif counts:
                        yield _to_entry(entry)
                    parts = []

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._file.close()

    def remove(self) -> None:
        """Close the file and remove it: what it was for is done."""
        self._file.close()
        os.remove(self.path)

    def _write(self, entry: Dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n")
        self._file.flush()

    def _read_finished(self, identity: Dict[str, Any]) -> int:
        """Read what is finished; return where its last line ends, 0 where there is nothing to go on from."""
        end = 0
        try:
            with io.open(self.path, "rb") as file:
                for line in iter(file.readline, b""):
                    try:
                        entry = json.loads(line.decode("utf-8")) if line.endswith(b"\n") else None
                    except ValueError:
                        entry = None
                    if entry is None or (not end and entry.get(HEADER) != json.loads(json.dumps(identity))):
                        break
                    if not entry.get("part"):
                        end = file.tell()
                        if "stamp" in entry:
                            self._finished[entry["name"]] = entry["stamp"]
        except OSError:
            return 0
        return end


def stamp(path: str) -> str:
    """Return a file's size and the time of its last change."""
    found = os.stat(path)
    return "{}:{}".format(found.st_size, int(found.st_mtime))


def to_rows(detections: "List[Detection]") -> List[List[float]]:
    """Turn detections into what a line holds, six digits each."""
    return [[found.class_id] + [round(value, 6) for value in found[1:]] for found in detections]


def _read_lines(path: str) -> Iterator[Tuple[int, Dict[str, Any]]]:
    """Yield where each line begins, and what it says."""
    with io.open(path, "rb") as file:
        while True:
            at = file.tell()
            line = file.readline()
            if not line:
                return
            yield at, json.loads(line.decode("utf-8"))


def _to_entry(entry: Dict[str, Any]) -> Dict[str, Any]:
    entry["detections"] = [Detection(int(row[0]), *map(float, row[1:])) for row in entry["detections"]]
    return entry


class FoundBefore:
    """The detections of a finished journal, by the names of the pictures: where each line begins is kept, no more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._places = {}  # type: Dict[str, int]
        for at, entry in _read_lines(path):
            if "detections" in entry:
                self._places[entry["name"]] = at

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def find(self, name: str) -> List[Detection]:
        """Return what was found in a picture; raises KeyError for one that was not looked at."""
        with io.open(self._path, "rb") as file:
            file.seek(self._places[name])
            found = _to_entry(json.loads(file.readline().decode("utf-8")))["detections"]  # type: List[Detection]
            return found
