"""Detecting for people: images and videos in; tables, annotated copies and label files out.

    inputs.py            which images and videos are meant
    class_names.py       the label files that models of others come with
    picture_detectors.py what finds the objects in a picture; tiles.py: in parts of it
    selection.py         which of the found ones are shown
    loop.py              one picture after the other; journal.py: and where a stopped run goes on
    videos.py            frames of films; film_writer.py, annotated_films.py: and films again
    results.py           detection.csv, detection.json
    saving.py            annotated copies; labelled_output.py: label files to correct and train on

journal.py and tiles.py are read by Python 3.6, too: scripts inside the TensorFlow images use them.
"""
