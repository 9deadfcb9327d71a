"""Build Keras VGG16s, convert them, restore a detector from each, and compare; runs in the odapi environment.

    python keras_restored.py --folder FOLDER --report report.json [--whole]

Three classifiers: all of VGG16, its convolutions alone, and all of it in a file of architecture and weights together.
Their images are small (64x64), so that fc1 is small, and the detector's crops are as small (2x2 cells); with --whole
the one of ImageNet's size instead. report.json, for each: {"printed": [...], "variables": {name: shape},
"restore_map": {"equal": [...], "different": [...], "absent": [...]}, "restore": ..., "report": of
pretrained_weights}; and "features": the largest differences of the extractor's features from Keras' own.
"""

import argparse
import io
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import keras_to_checkpoint
import numpy as np
import tensorflow as tf
from checkpoints import pretrained_weights
from feature_extractors import model_builder
from google.protobuf import text_format
from object_detection.protos import pipeline_pb2
from object_detection.utils import variables_helper

import pipeline.report.screen

CONFIG = """
model {
  faster_rcnn {
    num_classes: 3
    image_resizer { fixed_shape_resizer { height: 64 width: 64 } }
    feature_extractor { type: "faster_rcnn_vgg16" first_stage_features_stride: 16 }
    first_stage_anchor_generator {
      grid_anchor_generator { scales: 0.25 aspect_ratios: 1 height_stride: 16 width_stride: 16 }
    }
    first_stage_box_predictor_conv_hyperparams {
      op: CONV regularizer { l2_regularizer {} } initializer { truncated_normal_initializer { stddev: 0.01 } }
    }
    first_stage_max_proposals: 8
    initial_crop_size: %d
    maxpool_kernel_size: 2
    maxpool_stride: 2
    second_stage_box_predictor {
      mask_rcnn_box_predictor {
        fc_hyperparams {
          op: FC regularizer { l2_regularizer {} } initializer { variance_scaling_initializer {} }
        }
      }
    }
    second_stage_post_processing {
      batch_non_max_suppression { max_detections_per_class: 4 max_total_detections: 4 }
      score_converter: SOFTMAX
    }
  }
}
"""


def make(folder, name, **settings):
    """Write a random VGG16's files; return ([flags of keras_to_checkpoint], {variable: array})."""
    with tf.Graph().as_default(), tf.compat.v1.Session().as_default() as session:
        tf.compat.v1.keras.backend.set_session(session)
        model = tf.keras.applications.VGG16(weights=None, **settings)
        session.run(tf.compat.v1.global_variables_initializer())
        biases = [weight for weight in model.weights if "bias" in weight.name]
        session.run([weight.assign(tf.random.normal(weight.shape)) for weight in biases])
        arrays = {weight.op.name: value for weight, value in zip(model.weights, session.run(model.weights))}  # noqa: B905
        path = os.path.join(folder, name)
        if name == "one_file":
            model.save(path + ".h5")
            return ["--model", path + ".h5"], arrays
        with open(path + ".json", "w") as file:
            file.write(model.to_json())
        model.save_weights(path + ".h5")
    return ["--model", path + ".json", "--weights", path + ".h5"], arrays


def convert(flags, out):
    """Run the converter in this process; return what it showed."""
    shown = io.StringIO()
    pipeline.report.screen._screen, before = shown, pipeline.report.screen._screen
    sys.argv = ["keras_to_checkpoint.py", *flags, "--out", out]
    try:
        keras_to_checkpoint.main()
    finally:
        pipeline.report.screen._screen = before
    return shown.getvalue().splitlines()


def compare(session, arrays):
    """Say which variables of the extractor equal the Keras weights of their names."""
    result = {"equal": [], "different": [], "absent": []}
    for variable in tf.compat.v1.global_variables():
        scope, _, name = variable.op.name.partition("/")
        if not scope.endswith("FeatureExtractor"):
            continue
        if name not in arrays:
            result["absent"].append(name)
        else:
            same = np.array_equal(session.run(variable), arrays[name])
            result["equal" if same else "different"].append(name)
    return result


def restore(prefix, arrays, crop):
    """Restore a detector from a checkpoint in the API's way, then in this project's; compare it after each."""
    config = text_format.Parse(CONFIG % crop, pipeline_pb2.TrainEvalPipelineConfig())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        model = model_builder.build(config.model, is_training=False)
        image = tf.random.uniform([1, 64, 64, 3], maxval=255.0)
        model.predict(*model.preprocess(image))
        initialize = tf.compat.v1.global_variables_initializer()
        wanted = model.restore_map(fine_tune_checkpoint_type="classification")
        found = variables_helper.get_variables_available_in_checkpoint(wanted, prefix)
        session.run(initialize)
        tf.compat.v1.train.Saver(found).restore(session, prefix)
        by_map = compare(session, arrays)
        session.run(initialize)
        report = pretrained_weights.restore(session, {"prefix": prefix, "source": "Keras"}, config)
        return {"restore_map": by_map, "restore": compare(session, arrays), "report": report}


def compare_features(arrays):
    """Give the largest differences between Keras' VGG16 and the extractor, on the same image and weights."""
    extractor_class = model_builder.FASTER_RCNN_FEATURE_EXTRACTOR_CLASS_MAP["faster_rcnn_vgg16"]
    pixels = np.random.RandomState(0).uniform(0, 255, [1, 64, 64, 3]).astype(np.float32)
    with tf.Graph().as_default(), tf.compat.v1.Session().as_default() as session:
        tf.compat.v1.keras.backend.set_session(session)
        classifier = tf.keras.applications.VGG16(weights=None, input_shape=(64, 64, 3), classes=3)
        names = ("block5_conv3", "block5_pool", "fc2")
        inner = tf.keras.Model(classifier.input, [classifier.get_layer(name).output for name in names])
        extractor = extractor_class(is_training=False, first_stage_features_stride=16)
        preprocessed = extractor.preprocess(tf.constant(pixels))
        prepared = tf.keras.applications.vgg16.preprocess_input(pixels.copy())
        convolved, pooled, hidden = inner(tf.constant(prepared))
        features, _ = extractor.extract_proposal_features(preprocessed, "First")
        of_proposal = extractor.extract_box_classifier_features(pooled, "Second")
        for variable in tf.compat.v1.global_variables():
            variable.load(arrays["/".join(variable.op.name.split("/")[-2:])], session)
        pairs = {"preprocessed": (preprocessed, tf.constant(prepared)), "block5_conv3": (features, convolved)}
        pairs["fc2"] = (of_proposal[:, 0, 0], hidden)
        return {
            name: [float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())]
            for name, (ours, theirs) in session.run(pairs).items()
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    small = {"input_shape": (64, 64, 3)}
    variants = {
        "with_top": dict(small, classes=3),
        "without_top": dict(small, include_top=False),
        "one_file": dict(small, classes=3),
    }
    crop = 4
    if arguments.whole:
        variants, crop = {"with_top": {}}, 14
    result = {}
    for name, settings in variants.items():
        flags, arrays = make(arguments.folder, name, **settings)
        out = os.path.join(arguments.folder, name)
        printed = convert(flags, out)
        with open(os.path.join(out, "keras.json")) as file:
            variables = json.load(file)["variables"]
        result[name] = {"printed": printed, "variables": variables}
        result[name].update(restore(os.path.join(out, "model.ckpt"), arrays, crop))
        if name == "with_top" and not arguments.whole:
            result["features"] = compare_features(arrays)
    with open(arguments.report, "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
