"""Make the files in keras_files/: one small classifier, as other generations of Keras write it.

    .envs/tfjs/bin/python tests/odapi/make_keras_files.py tests/odapi/keras_files/2.15
    pip install keras==3.15.1 jax h5py && KERAS_BACKEND=jax python tests/odapi/make_keras_files.py \
        tests/odapi/keras_files/3.15

A network within a network, an augmentation that TensorFlow 1.15 does not know, a batch norm (four weights of one
shape) and a frozen layer (Keras 2 writes frozen weights last): what goes wrong when weights are read in order. Weight
k of layer n is n * 10 + k, and on in steps of 1/64.
"""

import os
import sys

import numpy as np

try:
    from tensorflow import keras

    SINCE_3 = False
except ImportError:
    import keras

    SINCE_3 = True


def build():
    """Return the classifier, its weights set."""
    layers = keras.layers
    image = keras.Input((16, 16, 3), name="input_1")
    features = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv1")(image)
    features = layers.BatchNormalization(name="bn")(features)
    features = layers.MaxPooling2D(name="block1_pool")(features)
    features = layers.Concatenate(name="twice")([features, features])
    features = layers.GlobalAveragePooling2D(name="average")(features)
    base = keras.Model(image, features, name="base")
    head = [layers.Dropout(0.5), layers.Dense(3, activation="softmax", name="predictions")]
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.RandomFlip(name="flip"), base, *head], name="classifier")
    for number, layer in enumerate([base.get_layer("block1_conv1"), base.get_layer("bn"), head[1]]):
        layer.set_weights(
            [
                (np.arange(weight.size) / 64 + 10 * number + index).reshape(weight.shape).astype("float32")
                for index, weight in enumerate(layer.get_weights())
            ]
        )
    base.get_layer("block1_conv1").trainable = False
    return model


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    model = build()
    with open(os.path.join(folder, "classifier.json"), "w") as file:
        file.write(model.to_json())
    model.save_weights(os.path.join(folder, "classifier.weights.h5"))
    model.save(os.path.join(folder, "classifier.h5"))
    if SINCE_3:
        model.save(os.path.join(folder, "classifier.keras"))
    else:
        model.save_weights(os.path.join(folder, "legacy.h5"))


if __name__ == "__main__":
    main()
