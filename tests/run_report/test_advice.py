"""What a run is told to do next: a run constructed for each advice, and one that needs none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.run_report.advice import Advice
from pipeline.run_report.run_data import read_run_data
from pipeline.run_report.run_files import read_run_files
from pipeline.run_report.training_advice import advise_on_files, advise_on_training
from pipeline.run_report.training_log import read_training_log
from tests.run_report.made_run import MadeImage, made_images, make_run, place, rising


def advise(root: Path, images: Sequence[MadeImage], **more: Any) -> dict[str, Advice]:
    output = make_run(root, images, **more)
    data = read_run_data(
        read_run_files(output, output.name),
        records_dir=root / "input/tf_records" / output.name,
        tf_csv_dir=root / "input/tf_csv" / output.name,
    )
    assert len({one.kind for one in data.advice}) == len(data.advice), "none is given twice"
    return {one.kind: one for one in data.advice}


def lose(images: Sequence[MadeImage], class_id: int, every: int = 2) -> None:
    """Take what was found of a class out of each so-many-th image."""
    for number, image in enumerate(images):
        if number % every == 0:
            image.found = [one for one in image.found if one[0] != class_id]


def test_a_run_in_which_all_is_well_is_told_nothing(tmp_path: Path):
    assert advise(tmp_path, made_images(40), log=rising(0.5, 0.7, 0.8, 0.8)) == {}


def test_small_boxes_that_are_missed_ask_for_a_larger_input_or_tiles(tmp_path: Path):
    images = made_images(40, size=0.08)
    lose(images, 1)
    advice = advise(tmp_path, images)
    assert advice.keys() == {"missed_small"}
    one = advice["missed_small"]
    assert one.head == "cat: 50 % missed, most of them under 16 pixels"
    assert one.seen == (
        "Of 80 in the test images nothing was found at 40. 100 % of these have less than 16 pixels on their shorter "
        "side in the model's input."
    )
    assert "larger input" in one.todo and "tiles" in one.todo
    assert one.command.startswith("make detect NAME=") and one.command.endswith(" TILES=2x2 IMAGES=path/to/photos")


def test_large_boxes_that_are_missed_ask_for_a_look_at_the_images(tmp_path: Path):
    images = made_images(40)
    lose(images, 1)
    advice = advise(tmp_path, images)
    assert advice.keys() == {"missed"}
    assert advice["missed"].head == "cat: 50 % missed"


def test_a_class_of_few_boxes_that_is_missed_asks_for_more_of_them(tmp_path: Path):
    images = made_images(40)
    lose(images, 2)
    advice = advise(tmp_path, images, train_boxes=60)
    assert advice.keys() == {"missed_rare"}
    assert advice["missed_rare"].seen.endswith("The training had 30 boxes of it.")


def test_a_class_that_is_taken_for_another_is_named_with_it(tmp_path: Path):
    images = made_images(40)
    for image in images[:10]:
        image.found = [(2, score, corners) for _, score, corners in image.found]
    one = advise(tmp_path, images)["confused"]
    assert one.head == "cat is confused with dog"
    assert one.seen == "20 of 80 were taken for dog."


def test_poor_boxes_are_told(tmp_path: Path):
    images = made_images(40)
    for image in images[::2]:
        image.found = [
            (class_id, score, (x1 + 0.1, y1, x2 + 0.1, y2)) if class_id == 1 else (class_id, score, (x1, y1, x2, y2))
            for class_id, score, (x1, y1, x2, y2) in image.found
        ]
    advice = advise(tmp_path, images)
    assert advice["poor_box"].head == "cat: found, but 50 % with a poor box"
    assert "missed" not in advice


def test_objects_seen_where_there_are_none_ask_for_photos_without_boxes(tmp_path: Path):
    images = made_images(40)
    for image in images:
        image.found += [(1, 0.9, place(9))]
    one = advise(tmp_path, images)["background"]
    assert one.seen.startswith("40 of 200 detections lie where nothing is labelled; without such, mAP@.5 would be 1.00")
    assert "without any box" in one.todo


def test_duplicates_are_told(tmp_path: Path):
    images = made_images(40)
    # What repeats an object comes before what finds another one
    for image in images[::2]:
        image.found = [(class_id, score, corners) for class_id, _, corners in image.found for score in (0.9, 0.8)]
    one = advise(tmp_path, images)["duplicate"]
    assert one.seen == "80 of 240 detections repeat one that is right."


def test_a_threshold_far_from_the_usual_one_is_told(tmp_path: Path):
    images = made_images(40)
    for image in images:
        image.found = [(class_id, 0.25, corners) for class_id, _, corners in image.found]
    one = advise(tmp_path, images)["threshold"]
    assert one.command == "make detect NAME=made IMAGES=folder THRESHOLD=0.13"
    assert one.seen.startswith("There it finds 100 % of the objects, and 100 % of what it finds is right")


def test_few_test_boxes_make_rough_figures(tmp_path: Path):
    one = advise(tmp_path, made_images(10))["few_boxes"]
    assert one.head == "Few test boxes: the figures are rough"
    assert one.seen == "With 40 boxes, each share may be off by 9 points by chance."


def test_few_test_boxes_of_one_class_are_told_and_none_at_all(tmp_path: Path):
    images = made_images(40)
    for number, image in enumerate(images):
        image.labels = [(1 if number > 4 else class_id, corners) for class_id, corners in image.labels]
        image.found = [(class_id, 0.6, corners) for class_id, corners in image.labels]
    advice = advise(tmp_path, images, classes=("cat", "dog", "emu"), train_boxes=600)
    assert advice["few_boxes"].head == "Few test boxes of dog: their figures are rough"
    assert advice["no_boxes"].head == "No test box of emu"


def test_a_rare_class_asks_for_balance(tmp_path: Path):
    make_run(tmp_path, made_images(40))
    table = tmp_path / "input/tf_csv/made/train.csv"
    lines = table.read_text().splitlines()
    dogs = [line for line in lines if ",dog," in line][:10]
    table.write_text("\n".join([line for line in lines if ",dog," not in line] + dogs) + "\n")
    output = tmp_path / "output/made"
    data = read_run_data(
        read_run_files(output, "made"), records_dir=tmp_path / "input/tf_records/made", tf_csv_dir=table.parent
    )
    (one,) = data.advice
    assert (one.kind, one.head) == ("rare", "dog: much rarer than the others")
    assert one.command == (
        "make train DATASET=input/pets MODEL=ssd_mobilenet_v2_quantized_small NAME=made-2 BALANCE=sqrt"
    )


def test_a_model_that_has_hardly_learned_is_told_only_that(tmp_path: Path):
    images = made_images(40)
    for image in images:
        image.found = [(1, 0.2, place(10))]
    advice = advise(tmp_path, images)
    assert advice.keys() == {"hardly_learned"}
    assert advice["hardly_learned"].command.endswith("STEPS=5000")


def test_of_many_classes_with_one_fault_a_few_are_told(tmp_path: Path):
    images = made_images(60, boxes=12, classes=6)
    for image in images:
        image.found = [(class_id % 6 + 1, score, corners) for class_id, score, corners in image.found]
    output = make_run(tmp_path, images, classes=("ant", "bee", "cat", "dog", "elk", "fox"))
    data = read_run_data(read_run_files(output, "made"), records_dir=tmp_path / "input/tf_records/made")
    # Half of them are found, or it would have learned nothing
    assert [one.kind for one in data.advice] == ["hardly_learned"]
    for image in images[::2]:
        image.found = [((class_id - 2) % 6 + 1, score, corners) for class_id, score, corners in image.found]
    output = make_run(tmp_path / "half", images, classes=("ant", "bee", "cat", "dog", "elk", "fox"))
    data = read_run_data(read_run_files(output, "made"), records_dir=tmp_path / "half/input/tf_records/made")
    told = [one for one in data.advice if one.kind == "confused"]
    assert [one.head for one in told] == [
        "ant is confused with bee", "bee is confused with cat", "cat is confused with dog",
    ]  # fmt: skip
    assert told[-1].seen == "60 of 120 were taken for dog. 3 more like this: the tables below have them."


def test_a_name_from_right_to_left_is_kept_apart_from_the_sentence(tmp_path: Path):
    images = made_images(40)
    for image in images[:10]:
        image.found = [(2, score, corners) for _, score, corners in image.found]
    one = advise(tmp_path, images, classes=("חתול", "\u202edog"))["confused"]
    assert one.head == "\u2068חתול\u2069 is confused with \u2068\u202edog\u2069"


def read_advice(folder: Path, lines: Sequence[dict[str, Any]], steps: int = 800) -> list[Advice]:
    output = make_run(folder, made_images(1), log=lines)
    return advise_on_training(read_training_log(output / "train"), steps=steps, train=lambda **told: str(told))


@pytest.mark.parametrize(
    ("maps", "kind"),
    [
        ((0.2, 0.4, 0.5, 0.55, 0.6, 0.65), "rising"),
        ((0.2, 0.5, 0.6, 0.6, 0.604, 0.602), None),
        ((0.2, 0.6, 0.5, 0.45), "overfitting"),
        ((0.2, 0.6, 0.5, 0.6, 0.6), None),
        # The last one may have fallen by chance
        ((0.2, 0.4, 0.6, 0.5), None),
    ],
)
def test_the_course_of_the_evaluations_is_told(tmp_path: Path, maps: tuple[float, ...], kind: str | None):
    assert [one.kind for one in read_advice(tmp_path, rising(*maps))] == ([kind] if kind else [])


def test_overfitting_names_the_step_and_asks_for_more_images(tmp_path: Path):
    (one,) = read_advice(tmp_path, rising(0.3, 0.6, 0.5, 0.5))
    assert one.head == "mAP fell after step 200: the model learns its images by heart"
    assert one.seen == "0.600 at step 200, 0.500 in the mean after it. The best checkpoint was kept."
    assert one.command == "{'AUGMENT': 'flip,crop,color', 'PATIENCE': 3}"


def test_the_fall_where_quantization_begins_is_no_overfitting(tmp_path: Path):
    lines = rising(0.3, 0.6, 0.7)
    lines += [line | {"step": line["step"] + 300} for line in rising(0.55, 0.6, 0.65, quantized=True)]
    assert [one.kind for one in read_advice(tmp_path, lines)] == ["rising"]


def test_a_loss_that_still_falls_asks_for_more_steps_where_nothing_was_evaluated(tmp_path: Path):
    losses = [{"step": 10 * number, "loss": 10 / (number + 1), "learning_rate": 0.01} for number in range(50)]
    (one,) = read_advice(tmp_path, losses)
    assert (one.kind, one.command) == ("falling", "{'STEPS': 1600}")
    flat = [line | {"loss": max(line["loss"], 0.5)} for line in losses]
    assert read_advice(tmp_path / "flat", flat) == []


def test_a_file_that_lost_points_is_named_but_not_one_that_nobody_is_given():
    metrics = [
        {"artefact": name, "map": value}
        for name, value in (("checkpoint", 0.7), ("tflite", 0.64), ("tfjs", 0.699), ("tflite_fast_nms", 0.5))
    ]
    (one,) = advise_on_files(metrics, name="made")
    assert one.seen == "mAP lost: tflite 6.0 points."
    assert one.command == ".envs/pipeline/bin/odpipe explain-drop --name made"
    (browser,) = advise_on_files(
        [metrics[0], {"artefact": "tfjs", "map": 0.6}, {"artefact": "tfjs_fast", "map": 0.5}], name="made"
    )
    assert browser.command == ".envs/pipeline/bin/odpipe explain-drop --name made --artefact tfjs_fast"
    (plain,) = advise_on_files([metrics[0], {"artefact": "tfjs", "map": 0.5}], name="made")
    assert plain.command == ".envs/pipeline/bin/odpipe explain-drop --name made --artefact tfjs"
    (unknown,) = advise_on_files([metrics[0], {"artefact": "somebody's", "map": 0.5}], name="made")
    assert unknown.command == ""
    assert advise_on_files(metrics, name="made", has_drop=True)[0].todo == "Which layers lose it stands below."
    assert advise_on_files([{"artefact": "tflite", "map": 0.1}], name="made") == []
    assert (
        advise_on_files([{"artefact": "checkpoint", "map": 0.7}, {"artefact": "edgetpu", "map": None}], name="a") == []
    )
