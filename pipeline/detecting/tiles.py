"""Detect in overlapping tiles of a picture, and in the whole of it: small objects in large photos.

    grid = parse_grid("3x2")                        # 3 columns, 2 rows
    detections = detect_in_tiles(detect, pixels, grid)

A detector shrinks every picture to its own input, often 300 pixels a side; in a tile an object stays larger. Neighbours
overlap, so that what an edge of one cuts lies whole in another; what is too large for a tile is found in the whole
picture. The same object found twice is merged by `merge`.
The idea is that of SAHI (Akyon et al. 2022, https://arxiv.org/abs/2202.06934).
Python 3.6 syntax and NumPy: scripts inside the TensorFlow images use it too.
"""

import math
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple

import numpy as np

from pipeline.detections.detections_file import Detection

OVERLAP = 0.2  # of a tile's side, with each neighbour
SAME_IOU = 0.5
CUT_COVERED = 0.5  # of a cut box's area, within a kept one: it is a part of that
EDGE_PX = 2.0  # a box this near to an inner edge of its tile was cut there
MOST_TILES = 400

Grid = NamedTuple("Grid", [("columns", int), ("rows", int)])
Tile = NamedTuple("Tile", [("left", int), ("top", int), ("width", int), ("height", int)])
Rows = Any  # [n, 4] of float: ymin, xmin, ymax, xmax


def parse_grid(text: str) -> Grid:
    """Read "3x2": columns and rows. Raises ValueError with what was wanted."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise ValueError("tiles are {!r}; wanted columns and rows, as in 2x2 or 3x2".format(text))
    grid = Grid(int(parts[0]), int(parts[1]))
    if grid.columns * grid.rows > MOST_TILES:
        raise ValueError("tiles are {!r}, {} of them; at most {}".format(text, grid.columns * grid.rows, MOST_TILES))
    return grid


def cut(width: int, height: int, grid: Grid, overlap: float = OVERLAP) -> List[Tile]:
    """Return tiles of equal size that cover a picture, row by row; each overlaps its neighbours."""
    columns, rows = _spans(width, grid.columns, overlap), _spans(height, grid.rows, overlap)
    return [Tile(left, top, wide, high) for top, high in rows for left, wide in columns]


def _spans(size: int, count: int, overlap: float) -> List[Tuple[int, int]]:
    """Return (begin, length) of `count` equal spans over `size` pixels; fewer where pixels run out."""
    count = max(1, min(count, size))
    length = min(size, int(math.ceil(size / (count - (count - 1) * overlap))))
    if count == 1:
        return [(0, size)]
    return [(round((size - length) * number / (count - 1)), length) for number in range(count)]


def detect_in_tiles(detect: Callable[[Any], List[Detection]], pixels: Any, grid: Grid) -> List[Detection]:
    """Detect in the whole picture [height, width, 3] and in each tile; return the merged detections, best first."""
    height, width = pixels.shape[:2]
    found = list(detect(pixels))
    cuts = [False] * len(found)
    tiles = cut(width, height, grid)
    for tile in tiles if len(tiles) > 1 else []:
        part = np.ascontiguousarray(pixels[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width])
        for one in detect(part):
            cuts.append(is_cut(one, tile, width, height))
            found.append(in_picture(one, tile, width, height))
    return merge(found, cuts)


def in_picture(found: Detection, tile: Tile, width: int, height: int) -> Detection:
    """Turn shares of a tile into shares of the picture; what reaches out of the tile is cut off."""
    ymin, xmin, ymax, xmax = (min(max(edge, 0.0), 1.0) for edge in found[2:])
    return Detection(
        found.class_id,
        found.score,
        (tile.top + ymin * tile.height) / height,
        (tile.left + xmin * tile.width) / width,
        (tile.top + ymax * tile.height) / height,
        (tile.left + xmax * tile.width) / width,
    )


def is_cut(found: Detection, tile: Tile, width: int, height: int) -> bool:
    """Tell whether a box ends at an edge of its tile that is none of the picture: there may be more of the object."""
    across, down = EDGE_PX / tile.width, EDGE_PX / tile.height
    return bool(
        (found.xmin_norm <= across and tile.left > 0)
        or (found.ymin_norm <= down and tile.top > 0)
        or (found.xmax_norm >= 1 - across and tile.left + tile.width < width)
        or (found.ymax_norm >= 1 - down and tile.top + tile.height < height)
    )


def merge(detections: Sequence[Detection], cuts: Sequence[bool]) -> List[Detection]:
    """Keep each object once, class by class.

    Whole boxes first, by score: those that overlap a kept one by SAME_IOU or more go. Cut ones come after them, however
    high their score, and go as well where half of them lies in a kept box: they are a part of what it shows.
    """
    order = sorted(range(len(detections)), key=lambda index: (cuts[index], -detections[index].score))
    kept = []  # type: List[int]
    boxes = np.array([found[2:] for found in detections], np.float64).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]).clip(0) * (boxes[:, 3] - boxes[:, 1]).clip(0)
    for index in order:
        rivals = [other for other in kept if detections[other].class_id == detections[index].class_id]
        if rivals:
            shared = intersect(boxes[index], boxes[rivals])
            union = areas[index] + areas[rivals] - shared
            same = shared >= SAME_IOU * np.maximum(union, 1e-12)
            if cuts[index]:
                same |= shared >= CUT_COVERED * max(areas[index], 1e-12)
            if same.any():
                continue
        kept.append(index)
    return [detections[index] for index in sorted(kept, key=lambda index: -detections[index].score)]


def intersect(box: Rows, others: Rows) -> Any:
    """Return the area that a box [4] shares with each of others [n, 4]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    return (high - low).clip(0).prod(axis=1)
