from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.metrics import TestSplit, TruthImage

PYCOCOTOOLS_ORDER = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def truth_of(*boxes: tuple[float, ...], class_ids: list[int], ignored: list[bool] | None = None) -> TruthImage:
    return TruthImage(640, 480, np.array(boxes).reshape(-1, 4), class_ids, ignored or [False] * len(class_ids))


def draw_split(random: np.random.Generator) -> tuple[list[TruthImage], np.ndarray]:
    """Draw 40 images with up to 6 boxes of 4 classes, a tenth of them crowds, and detections near and far."""
    images, rows = [], []
    for index in range(40):
        count = int(random.integers(0, 7))
        corner = random.uniform(0, 400, (count, 2))
        size = random.choice([12, 60, 200], (count, 2)) * random.uniform(0.7, 1.3, (count, 2))
        boxes = np.hstack([corner, corner + size])
        class_ids = random.integers(1, 5, count).tolist()
        images.append(TruthImage(640, 480, boxes, class_ids, (random.random(count) < 0.1).tolist()))
        for box, class_id in zip(boxes.tolist(), class_ids, strict=True):
            for _ in range(int(random.integers(0, 4))):
                xmin, ymin, xmax, ymax = np.array(box) + random.normal(0, (box[2] - box[0]) * 0.1, 4)
                guess = class_id if random.random() < 0.8 else int(random.integers(1, 5))
                rows.append([index, xmin, ymin, max(xmax - xmin, 1), max(ymax - ymin, 1), random.random(), guess])
        for _ in range(int(random.integers(0, 120))):
            rows.append([index, *random.uniform(0, 400, 2), *random.uniform(5, 100, 2), random.random() / 2, 1])
    return images, np.array(rows)


def test_all_twelve_figures_are_pycocotools(capsys: pytest.CaptureFixture[str]) -> None:
    pycocotools_coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    images, rows = draw_split(np.random.default_rng(0))
    names = ["a", "b", "c", "d", "never seen"]
    metrics = TestSplit(images, class_names=names).evaluate(rows)

    reference = pycocotools_coco.COCO()
    reference.dataset = {
        "images": [{"id": index, "width": 640, "height": 480} for index in range(len(images))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [],
    }
    for index, image in enumerate(images):
        for box, class_id, crowd in zip(image.boxes, image.class_ids, image.ignored, strict=True):
            width, height = box[2] - box[0], box[3] - box[1]
            annotation = {"id": len(reference.dataset["annotations"]) + 1, "image_id": index, "category_id": class_id}
            annotation |= {"bbox": [box[0], box[1], width, height], "area": width * height, "iscrowd": int(crowd)}
            reference.dataset["annotations"].append(annotation)
    reference.createIndex()
    evaluation = cocoeval.COCOeval(reference, reference.loadRes(rows.copy()), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    ours = [metrics.summary[name] for name in PYCOCOTOOLS_ORDER]
    assert ours == pytest.approx(evaluation.stats.tolist(), abs=1e-6)
    assert (metrics.map, metrics.map50, metrics.ar100) == pytest.approx(evaluation.stats[[0, 1, 8]].tolist(), abs=1e-6)
    assert 0.1 < metrics.map < 0.9
    for number, name in enumerate(names[:4]):
        precision = evaluation.eval["precision"][:, :, number, 0, 2]
        assert metrics.per_class[name] == pytest.approx(precision[precision > -1].mean(), abs=1e-6)
    assert metrics.per_class["never seen"] is None


def test_a_class_without_test_boxes_has_no_figure_and_counts_in_no_mean() -> None:
    split = TestSplit([truth_of((10, 10, 50, 50), class_ids=[1])], class_names=["cat", "dog"])
    metrics = split.evaluate(np.array([[0, 10, 10, 40, 40, 0.9, 1], [0, 10, 10, 40, 40, 0.9, 2]]))
    assert metrics.per_class == {"cat": pytest.approx(1), "dog": None}
    assert (metrics.map, metrics.map50, metrics.ar100) == pytest.approx((1, 1, 1))


def test_no_detections_at_all_score_nothing() -> None:
    split = TestSplit([truth_of((10, 10, 50, 50), class_ids=[1])], class_names=["cat"])
    metrics = split.evaluate(np.zeros((0, 7)))
    assert (metrics.map, metrics.map50, metrics.ar100, metrics.per_class) == (0, 0, 0, {"cat": 0})


def test_difficult_boxes_are_neither_missed_nor_found() -> None:
    image = truth_of((10, 10, 50, 50), (100, 100, 200, 200), class_ids=[1, 1], ignored=[False, True])
    split = TestSplit([image], class_names=["cat"])
    easy, difficult, wrong = [0, 10, 10, 40, 40, 0.8, 1], [0, 100, 100, 100, 100, 0.9, 1], [0, 300, 300, 9, 9, 0.95, 1]
    assert split.evaluate(np.array([easy])).map == pytest.approx(1)
    assert split.evaluate(np.array([easy, difficult])).map == pytest.approx(1)
    assert split.evaluate(np.array([easy, wrong])).map == pytest.approx(0.5)


def test_a_split_without_boxes_cannot_be_measured() -> None:
    with pytest.raises(DataError) as error:
        TestSplit([truth_of(class_ids=[]), truth_of((1, 1, 9, 9), class_ids=[1], ignored=[True])], class_names=["cat"])
    assert str(error.value) == ("the test split has no boxes to find: 2 images, every box difficult or none at all")
