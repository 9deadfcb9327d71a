"""Turn one csv file of boxes and its images into a TFRecord file.

    python input/generate_tfrecord.py --csv_input=input/tf_csv/train.csv --img_path=input/tf_csv/images/train \\
        --label_map=input/tf_csv/label_map.pbtxt --output_path=input/tf_records/train.record

An output path like train.record@10 or train.record-?????-of-00010 makes ten files of it.
"""

from environment import prepare

if __name__ == "__main__":
    prepare()

    from pipeline.jobs import run
    from pipeline.jobs.generate_tfrecord import main

    run(main)
