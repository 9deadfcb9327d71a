from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detecting.tiles import Grid, Tile, cut, detect_in_tiles, in_picture, is_cut, merge, parse_grid
from pipeline.detections.detections_file import Detection


@pytest.mark.parametrize(("text", "grid"), [("2x2", (2, 2)), ("3X1", (3, 1)), ("1x4", (1, 4)), ("2×3", (2, 3))])
def test_a_grid_is_columns_and_rows(text: str, grid: tuple[int, int]) -> None:
    assert parse_grid(text) == grid


@pytest.mark.parametrize("text", ["", "2", "2x", "x2", "0x2", "2x2x2", "axb", "-1x2", "1.5x2"])
def test_what_is_no_grid_is_refused_with_what_was_wanted(text: str) -> None:
    with pytest.raises(ValueError, match="wanted columns and rows, as in 2x2 or 3x2"):
        parse_grid(text)


def test_too_many_tiles_are_refused() -> None:
    with pytest.raises(ValueError, match="10000 of them; at most 400"):
        parse_grid("100x100")


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 8), st.integers(1, 8))
def test_tiles_cover_every_pixel_and_lie_within_the_picture(width: int, height: int, columns: int, rows: int) -> None:
    tiles = cut(width, height, Grid(columns, rows))
    across, down = np.zeros(width, bool), np.zeros(height, bool)
    for left, top, wide, high in tiles:
        assert left >= 0 and top >= 0 and left + wide <= width and top + high <= height and wide > 0 and high > 0
        across[left : left + wide] = True
        down[top : top + high] = True
    assert across.all() and down.all()


@pytest.mark.parametrize(("size", "count"), [(1000, 2), (4000, 3), (333, 4)])
def test_neighbours_overlap_by_a_fifth_of_their_side(size: int, count: int) -> None:
    tiles = cut(size, 10, Grid(count, 1))
    for first, second in zip(tiles, tiles[1:], strict=False):
        shared = first.left + first.width - second.left
        assert shared == pytest.approx(0.2 * first.width, abs=2)


def box(score: float, ymin: float, xmin: float, ymax: float, xmax: float, class_id: int = 1) -> Detection:
    return Detection(class_id, score, ymin, xmin, ymax, xmax)


def test_a_box_of_a_tile_is_a_box_of_the_picture() -> None:
    tile = Tile(left=100, top=50, width=200, height=100)
    found = in_picture(box(0.9, 0.1, 0.25, 0.5, 0.75), tile, width=400, height=200)
    assert found == box(0.9, 60 / 200, 150 / 400, 100 / 200, 250 / 400)


def test_only_an_inner_edge_cuts() -> None:
    left_top = Tile(left=0, top=0, width=200, height=100)
    assert not is_cut(box(0.9, 0, 0, 0.5, 0.5), left_top, width=400, height=200)
    assert is_cut(box(0.9, 0, 0.5, 0.5, 1.0), left_top, width=400, height=200)
    assert is_cut(box(0.9, 0.5, 0.5, 1.0, 0.9), left_top, width=400, height=200)
    assert not is_cut(box(0.9, 0, 0, 1, 1), Tile(0, 0, 400, 200), width=400, height=200)


def test_the_whole_object_wins_over_its_cut_half_whatever_their_scores() -> None:
    whole, half = box(0.6, 0.2, 0.2, 0.8, 0.8), box(0.95, 0.2, 0.2, 0.8, 0.55)
    assert merge([whole, half], [False, True]) == [whole]
    assert merge([whole, half], [False, False]) == [half]  # no cut: by IoU and score, as ever


def test_a_cut_object_that_nothing_covers_stays() -> None:
    half, elsewhere = box(0.7, 0.2, 0.2, 0.8, 0.5), box(0.6, 0.0, 0.8, 0.1, 0.9)
    assert merge([elsewhere, half], [False, True]) == [half, elsewhere]


def test_classes_do_not_suppress_each_other() -> None:
    found = [box(0.9, 0.1, 0.1, 0.5, 0.5, class_id=1), box(0.8, 0.1, 0.1, 0.5, 0.5, class_id=2)]
    assert merge(found, [False, False]) == found


def test_small_neighbours_within_a_large_box_stay() -> None:
    large, small = box(0.9, 0.0, 0.0, 1.0, 1.0), box(0.8, 0.4, 0.4, 0.5, 0.5)
    assert merge([large, small], [False, False]) == [large, small]


def test_an_object_on_the_seam_is_found_once_and_whole() -> None:
    """A detector that sees only bright pixels, and no object that fills less than a twentieth of what it is shown."""
    pixels = np.zeros((400, 800, 3), np.uint8)
    pixels[150:250, 350:450] = 255  # both tiles of 2x1 overlap here: 356 to 444 is shared, so each cuts it

    def detect(part: np.ndarray) -> list[Detection]:
        rows, columns = np.nonzero(part[:, :, 0])
        height, width = part.shape[:2]
        if not len(rows) or len(rows) < 0.02 * height * width:
            return []
        ends = [rows.min() / height, columns.min() / width, (rows.max() + 1) / height, (columns.max() + 1) / width]
        return [box(0.9, *ends)]

    found = detect_in_tiles(detect, pixels, Grid(2, 1))
    assert len(found) == 1
    assert found[0][2:] == pytest.approx((150 / 400, 350 / 800, 250 / 400, 450 / 800))
    pixels[:] = 0
    pixels[10:70, 10:90] = 255  # too small for the whole picture (1.5 %), large enough in its tile
    assert detect(pixels) == []
    (small,) = detect_in_tiles(detect, pixels, Grid(2, 1))
    assert small[2:] == pytest.approx((10 / 400, 10 / 800, 70 / 400, 90 / 800))
