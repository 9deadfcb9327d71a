"""Train with several seeds, one after the other, in forks of a process that has imported TensorFlow.

    python repeat_training.py SEED,SEED,... train.py's arguments ...

The runs lie beside the train folder of the arguments, as TRAIN_DIR.0, TRAIN_DIR.1, ...; every step gets its line in
metrics.jsonl. Prints what each said, as JSON: see kill_training.py.
"""

import json
import sys

from kill_training import live, train_dir_of, training_loop

if __name__ == "__main__":
    training_loop.METRICS_EVERY_STEPS = 1
    train_dir = train_dir_of(sys.argv[2:])
    lives = []
    for number, seed in enumerate(sys.argv[1].split(",")):
        folder = f"{train_dir}.{number}"
        arguments = [word for word in sys.argv[2:] if not word.startswith(("--seed=", "--train-dir="))]
        arguments += [f"--seed={seed}", f"--train-dir={folder}"]
        lives.append(live(arguments, folder, None, folder + ".life"))
    print(json.dumps(lives))
