"""Find the images and videos of a folder, and work on them in threads while their results are taken in order.

    for file, result, error in map_ahead(detect, find_images("photos"), threads=2):
        print(file.name, result if error is None else describe_problem(error))

Python 3.6 and standard library only: scripts inside the TensorFlow images use it too.
"""

import io
import json
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator, List, NamedTuple, Optional, Tuple

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".mpo", ".ppm", ".pgm",
)  # fmt: skip

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".qt", ".avi", ".divx", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe", ".m2v", ".vob", ".ts",
    ".mts", ".m2ts", ".m2t", ".3gp", ".3g2", ".wmv", ".asf", ".flv", ".f4v", ".ogv", ".mxf", ".dv", ".dav", ".insv",
    ".mjpg", ".mjpeg", ".h264", ".264", ".h265", ".265", ".hevc", ".y4m",
)  # fmt: skip

ImageFile = NamedTuple("ImageFile", [("name", str), ("path", str)])


def is_video(name: str) -> bool:
    """Tell by its name whether a file is a video; a GIF that moves is an image here."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def find_images(root: str, skip: Optional[str] = None, suffixes: Tuple[str, ...] = IMAGE_SUFFIXES) -> List[ImageFile]:
    """Find every image at and under a folder, sorted by name; a single file is a list of one.

    Names are relative to the folder, with `/`. Hidden files and folders are left out, and so is the
    folder `skip`: an earlier run's annotated copies are no input.
    """
    if os.path.isfile(root):
        return [ImageFile(os.path.basename(root), root)]
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders if name[0] != "." and not (skip and _is_same(os.path.join(folder, name), skip))
        ]
        for file in files:
            if file[0] != "." and file.lower().endswith(suffixes):
                path = os.path.join(folder, file)
                found.append(ImageFile(os.path.relpath(path, root).replace(os.sep, "/"), path))
    return sorted(found)


def list_files(root: str, listed: Optional[str] = None, skip: Optional[str] = None) -> List[ImageFile]:
    """Return the images and videos of a folder, or the ones that a JSON list names, relative to the folder."""
    if listed is None:
        return find_images(root, skip, IMAGE_SUFFIXES + VIDEO_SUFFIXES)
    with io.open(listed, encoding="utf-8") as file:
        return [ImageFile(name, os.path.join(root, name)) for name in json.load(file)]


def _is_same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def describe_problem(error: BaseException) -> str:
    """Say an error in one line; errors without words say their kind."""
    return " ".join(str(error).split()) or type(error).__name__


def map_ahead(
    function: Callable[[Any], Any], items: Iterable[Any], threads: int
) -> Iterator[Tuple[Any, Any, Optional[Exception]]]:
    """Yield (item, result, error) in order while `threads` threads work on the items to come.

    Only four items a thread are taken before the caller wants them, so memory stays flat.
    """
    waiting: "Deque[Tuple[Any, Future[Any]]]" = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) >= threads * 4:
                    yield _result_of(*waiting.popleft())
            while waiting:
                yield _result_of(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()


def _result_of(item: Any, future: "Future[Any]") -> Tuple[Any, Any, Optional[Exception]]:
    try:
        return item, future.result(), None
    except Exception as error:
        return item, None, error


def check_images(root: str, files: List[ImageFile]) -> Optional[str]:
    """Say what is wrong when there is nothing to detect in; None when there is."""
    if not os.path.exists(root):
        return "there is nothing at {}".format(root)
    if not files:
        return "there are no images in {}; looked for {} and videos".format(root, " ".join(IMAGE_SUFFIXES))
    return None


def describe_broken(broken: int, total: int) -> str:
    """Say at the end how many images were skipped."""
    return "{} of {} images could not be read and were skipped; they are named above".format(broken, total)
