"""Print as JSON what of a checkpoint is as in a file of a ResNet. Runs in the training environment.

python -m tests.scripts.model.train.checkpoint_facts CHECKPOINT RESNET
"""

import json

import torch


def main(argv: list[str]) -> None:
    weights = torch.load(argv[0], weights_only=True)["state_dict"]
    theirs = torch.load(argv[1], weights_only=True)
    same = sorted(
        key
        for key, value in theirs.items()
        if torch.equal(weights.get(f"backbone.body.{key}", torch.empty(0)), value)
    )
    batches = weights.get("backbone.body.bn1.num_batches_tracked")
    print(json.dumps({"same": same, "batches_of_bn1": None if batches is None else int(batches)}))
