"""Restore real checkpoints into real graphs and write what became of it; runs in the odapi environment.

    python restore_checkpoints.py --preset model.json --folder FOLDER --report report.json
        [--index PREFIX PRESET CLASSES] [--index ...]

All in one process, which imports TensorFlow once. The checkpoints are made here, in the layouts of the zoo, of slim's
classifiers and of Keras; those of --index are only names and shapes.
"""

import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import model_variables
import numpy as np
import tensorflow as tf
from checkpoints import checkpoint_comparison, pretrained_weights
from configs import model_config
from object_detection.protos import pipeline_pb2

THEIRS = [f"class {number}" for number in range(5)]
RANGE = "FeatureExtractor/MobilenetV2/Conv/act_quant"


def label_map(path, names):
    with open(path, "w") as file:
        for number, name in enumerate(names, start=1):
            file.write(f"item {{ id: {number} name: '{name}' }}\n")
    return path


def save(folder, values, names=None):
    """Save {name: value} as folder/model.ckpt, with a label map beside it if there are names."""
    os.makedirs(folder)
    prefix = os.path.join(folder, "model.ckpt")
    with tf.Graph().as_default(), session_of_one_run() as session:
        variables = [tf.compat.v1.get_variable(name, initializer=value) for name, value in sorted(values.items())]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, prefix, write_meta_graph=False)
    if names:
        label_map(os.path.join(folder, "label_map.pbtxt"), names)
    return prefix


def session_of_one_run():
    """Give a session that does not optimize its graph, which takes longer here than running it."""
    options = tf.compat.v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    return tf.compat.v1.Session(config=options)


class Network:
    """A preset's network for some classes, with an optimizer's slots, averages and a step, as in a training."""

    def __init__(self, preset, folder, names):
        self.config = model_config.read_preset_config(preset)
        self.config.model.ssd.num_classes = len(names)
        path = os.path.join(folder, f"run_{len(names)}_{names[0][-1]}.pbtxt")
        self.config.train_input_reader.label_map_path = label_map(path, names)
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.compat.v1.set_random_seed(len(names))
            model_variables.build_network(self.config, len(names), is_training=True)
            step = tf.compat.v1.train.get_or_create_global_step()
            few = tf.compat.v1.trainable_variables()[:3]
            loss = tf.add_n([tf.reduce_sum(variable) for variable in few])
            tf.compat.v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)
            tf.train.ExponentialMovingAverage(0.9).apply(few)

    def restored(self, prefix, train_dir=None):
        """Restore a checkpoint into fresh variables; give (report, {name: value} of all variables)."""
        with self.graph.as_default(), session_of_one_run() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            pretrained = {"prefix": prefix, "source": "zoo tiny"}
            report = pretrained_weights.restore(session, pretrained, self.config, train_dir)
            variables = tf.compat.v1.global_variables()
            return report, session.run({variable.op.name: variable for variable in variables})

    def compared(self, prefix):
        """Report what would be restored of a checkpoint."""
        with self.graph.as_default():
            return pretrained_weights.restore(None, {"prefix": prefix, "source": "zoo tiny"}, self.config)

    def refused(self, prefix):
        """Give (exit code, what pretrained_weights printed) of a checkpoint that is not taken."""
        import io

        from pipeline.report import screen

        screen._screen, kept = io.StringIO(), screen._screen
        try:
            with self.graph.as_default():
                pretrained_weights.restore(None, {"prefix": prefix, "source": "zoo tiny"}, self.config)
        except SystemExit as error:
            return error.code, screen._screen.getvalue()
        finally:
            screen._screen = kept
        return 0, "restored"


def equal(after, values, renamed=lambda name: name):
    """Count the variables of `after` that hold what the checkpoint has of them."""
    named = {name: values[renamed(name)] for name in after if renamed(name) in values}
    return sum(named[name].shape == after[name].shape and np.array_equal(named[name], after[name]) for name in named)


def restore_all(preset, folder):
    """Restore every layout; give {case: facts}."""
    ours = Network(preset, folder, ["a", "b", "c"])
    same = Network(preset, folder, THEIRS)
    with same.graph.as_default(), session_of_one_run() as session:
        session.run(tf.compat.v1.global_variables_initializer())
        network = checkpoint_comparison.network_variables(tf.compat.v1.global_variables())
        values = session.run({name: variable + 0.0 for name, variable in network.items()})
    few = [variable.op.name for variable in same.graph.get_collection("trainable_variables")[:3]]
    trained = dict(values, global_step=np.int64(1000), **{name + "/Momentum": values[name] for name in few})
    trained.update({RANGE + "/min": np.float32(-6), RANGE + "/max": np.float32(6)})
    facts = {"variables": len(values)}

    prefix = save(os.path.join(folder, "zoo"), trained, THEIRS)
    report, after = ours.restored(prefix, folder)
    with open(os.path.join(folder, "pretrained.json")) as file:
        written = json.load(file)
    first = sorted(name for name in after if name.endswith("/ExponentialMovingAverage"))
    facts["other classes"] = {
        "report": report,
        "written": written == report,
        "equal": equal({name: after[name] for name in network}, values),
        "step": int(after["global_step"]),
        "momentum": float(max(abs(v).max() for name, v in after.items() if name.endswith("/Momentum"))),
        "averages": [bool(np.array_equal(after[name], after[name.rsplit("/", 1)[0]])) for name in first],
    }
    report, after = same.restored(prefix)
    facts["same classes"] = {"report": report, "equal": equal({name: after[name] for name in network}, values)}
    label_map(same.config.train_input_reader.label_map_path, THEIRS[::-1])
    facts["another order"] = {"report": same.compared(prefix)}
    facts["names not known"] = {"report": ours.compared(save(os.path.join(folder, "bare"), values))}
    os.remove(os.path.join(folder, "zoo/label_map.pbtxt"))
    facts["as many, not known"] = {"report": same.compared(prefix)}

    scope = "FeatureExtractor/"
    classifier = {
        name[len(scope) :]: value for name, value in values.items() if name.startswith(scope) and "/layer_" not in name
    }
    classifier["MobilenetV2/Logits/weights"] = np.zeros([3, 1001], np.float32)
    report, after = ours.restored(save(os.path.join(folder, "slim"), classifier))
    facts["slim"] = {"report": report, "equal": equal(after, classifier, lambda name: name[len(scope) :])}
    averages = {
        name + "/ExponentialMovingAverage": value + 1 for name, value in classifier.items() if "moving" not in name
    }
    report, after = ours.restored(save(os.path.join(folder, "averaged"), dict(classifier, **averages)))
    facts["averages"] = {
        "report": report,
        "equal": equal(after, averages, lambda name: name[len(scope) :] + "/ExponentialMovingAverage"),
    }

    few = {name: classifier[name] for name in sorted(classifier)[:20] if "Logits" not in name}
    facts["refused"] = {
        "few": ours.refused(save(os.path.join(folder, "few"), few)),
        "another": ours.refused(save(os.path.join(folder, "vgg"), {"vgg_16/conv1/weights": np.zeros([3], np.float32)})),
        "missing": ours.refused(os.path.join(folder, "nothing/model.ckpt")),
    }
    with open(os.path.join(folder, "slim/model.ckpt.index"), "wb") as file:
        file.write(b"torn")
    facts["refused"]["torn"] = ours.refused(os.path.join(folder, "slim/model.ckpt"))
    pretrained_weights.note_in_config(ours.config, {"prefix": prefix, "source": "zoo tiny"}, folder)
    train = ours.config.train_config
    facts["config"] = [
        train.fine_tune_checkpoint == prefix, train.fine_tune_checkpoint_type, train.from_detection_checkpoint,
        train.load_all_detection_checkpoint_vars,
    ]  # fmt: skip
    return facts


def compare_index(prefix, preset, counts):
    """Give {classes: what would be restored of a real checkpoint, of which only the index is here}."""
    known = pretrained_weights.read_shapes(prefix, "zoo")
    config = model_config.read_preset_config(preset)
    found = {}
    for count in counts:
        shapes = model_variables.find_variables(config, count, quantized=False)
        names = [str(number) for number in range(count)]
        there = [str(number) for number in range(counts[0])]
        result = checkpoint_comparison.compare(shapes, known, "ssd", (there, names), (counts[0], count))
        found[count] = {
            "of": len(shapes), "restored": len(result.sources), "backbone": result.backbone,
            "not_restored": dict(result.not_restored), "renamed": sum(a != b for a, b in result.sources.items()),
        }  # fmt: skip
    return found


def is_batch_norm_trained(restored):
    """Whether a Faster R-CNN would train its batch norms."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.train_config.num_steps = 1000
    config.model.faster_rcnn.num_classes = 3
    model_config.settle_batch_norm(config, restored=restored)
    return config.model.faster_rcnn.feature_extractor.batch_norm_trainable


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--index", nargs=3, action="append", default=[], metavar=("PREFIX", "PRESET", "CLASSES"))
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    facts = restore_all(arguments.preset, arguments.folder)
    facts["batch norm trains"] = [is_batch_norm_trained(restored) for restored in (False, True)]
    facts["index"] = [compare_index(prefix, preset, [int(count), 3]) for prefix, preset, count in arguments.index]
    with open(arguments.report, "w") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main()
