"""The first step of the tutorials: a folder of labelImg's images and XMLs, parted at random into train/ and test/.

    python benchmarks/baselines/partition_tutorial.py FOLDER OUTPUT

Written fresh in the way of the partition_dataset.py that most people copied: names are drawn at random, and each
image and its XML are copied with shutil, one after the other.
"""

import os
import random
import sys
from shutil import copyfile


def main(folder, output):
    images = [name for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg", ".png"))]
    random.shuffle(images)
    tested = len(images) // 5
    for part, names in (("test", images[:tested]), ("train", images[tested:])):
        os.makedirs(os.path.join(output, part))
        for name in names:
            for copied in (name, os.path.splitext(name)[0] + ".xml"):
                copyfile(os.path.join(folder, copied), os.path.join(output, part, copied))


if __name__ == "__main__":
    main(*sys.argv[1:])
