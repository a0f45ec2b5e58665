"""Print as JSON what a model takes from a file of weights. Runs in the training environment.

python -m tests.scripts.model.icevision.taken_weights FAMILY BACKBONE CLASSES FILE PREFIX

"says": the report. "same": of the model's tensors, how many are those of the file, read by torch
alone; PREFIX is what the model puts before the file's names. "changed": the modules whose tensors
the file changed.
"""

import json
import pickle
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from scripts.model.icevision.families import build_model  # before torch
from scripts.model.icevision.weight_transfer import transfer_weights
from scripts.model.icevision.weights_file import read_weights
from scripts.tool import exit_on_error


def main(argv: list[str]) -> None:
    family, backbone, classes, file, prefix = argv
    model = build_model(family, backbone, [f"c{n}" for n in range(int(classes))], 128)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with exit_on_error("taken_weights"):
        transfer = transfer_weights(
            model, read_weights(Path(file)), f"{family}:{backbone}", Path(file).name
        )
    after = model.state_dict()
    changed = {key for key, value in after.items() if not torch.equal(value, before[key])}
    theirs = _read_with_all_classes(Path(file))
    same = [
        key
        for key, value in theirs.items()
        if f"{prefix}{key}" in changed and torch.equal(after[f"{prefix}{key}"], value.float())
    ]
    parts = sorted({".".join(key.split(".")[:2]) for key in changed})
    print(json.dumps({"says": transfer.describe(), "same": len(same), "changed": len(changed),
                      "parts": parts}))  # fmt: skip


def _read_with_all_classes(path: Path) -> dict[str, torch.Tensor]:
    """The whole file, its code included: the tests wrote it."""
    if path.suffix == ".safetensors":
        return load_file(path)
    content = torch.load(path, weights_only=False, pickle_module=pickle)
    content = content.get("state_dict", content.get("model", content))
    return content if isinstance(content, dict) else content.state_dict()


if __name__ == "__main__":
    main(sys.argv[1:])
