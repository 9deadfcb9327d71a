"""The second step of the tutorials: the XMLs of a folder as one csv file of boxes.

    python benchmarks/baselines/xml_to_csv_tutorial.py FOLDER CSV

Written fresh in the way of the xml_to_csv.py that most people copied: ElementTree reads, pandas writes.
"""

import glob
import os
import sys
import xml.etree.ElementTree as ElementTree

import pandas as pd

COLUMNS = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]


def main(folder, output):
    lines = []
    for path in glob.glob(os.path.join(folder, "*.xml")):
        root = ElementTree.parse(path).getroot()
        size = root.find("size")
        for entry in root.findall("object"):
            box = entry.find("bndbox")
            edges = [int(box.find(edge).text) for edge in ("xmin", "ymin", "xmax", "ymax")]
            sides = [int(size.find(side).text) for side in ("width", "height")]
            lines.append([root.find("filename").text, *sides, entry.find("name").text, *edges])
    pd.DataFrame(lines, columns=COLUMNS).to_csv(output, index=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
