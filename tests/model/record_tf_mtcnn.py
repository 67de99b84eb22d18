"""Record the published tf-mtcnn graph's outputs for the cases, for machines without it.

.venv/bin/python -m tests.model.record_tf_mtcnn tf-mtcnn.pb tests/data/tf-mtcnn.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.model.cases import cases
from tests.model.graphs import FrozenGraph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    graph = FrozenGraph(arguments.graph)
    lines = []
    for case in cases():
        found = graph.detect(case.image, case.params)
        row = {name: array.tolist() for name, array in found.items()}
        lines.append(f"{json.dumps(case.name)}: {json.dumps(row)}")
    arguments.output.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
