"""Turn a labelled dataset (Supervisely, or any other known format) into tf_csv.

    python ./input/supervisely2tf_csv.py

reads input/supervisely and writes input/tf_csv/{train.csv,test.csv,images/{train,test},label_map.pbtxt};
--help shows how to choose others. What an earlier run of this script wrote is replaced once the new files
are complete.
"""

from environment import ROOT, prepare

if __name__ == "__main__":
    prepare()

    from pathlib import Path

    from pipeline.jobs import run
    from pipeline.jobs.supervisely2tf_csv import main

    run(lambda: main(root=Path(ROOT)))
