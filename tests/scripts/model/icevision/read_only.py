"""Print as JSON how many tensors a file of weights holds. Runs in the training environment."""

import json
from pathlib import Path

from scripts.model.icevision.weights_file import read_weights
from scripts.tool import exit_on_error


def main(argv: list[str]) -> None:
    with exit_on_error("read_only"):
        weights = read_weights(Path(argv[0]))
    print(json.dumps({"tensors": len(weights)}))
