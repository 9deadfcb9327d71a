"""Labelled images in: every dataset format is read into one model, split, and written as tf_csv.

    formats/     which formats there are, and what is special about each
    pairing/     which image an annotation is about
    splitting/   which images are for training and which for testing
    images/      bytes and headers of images, and the frame in which their boxes are drawn
    files/       files and folders, whatever is in them
    model.py     what is read; boxes.py, shares.py: the check every box goes through; label_maps.py: names of classes
    problems.py  what happens to a bad item; findings.py: every kind of them
    tf_csv.py    what is written

A format is one module with `NAME`, `mismatch(root)` and `read(root, problems)`, and one line in `formats/registry.py`.
"""
