"""Print as JSON what roi_align pools, and its gradient. Runs in the training environment.

The argument is a JSON object: feature (N, C, h, w), rois (R, 5), scale, side, samples, aligned.
"""

import json

import torch

from scripts.model.icevision.roi_align import roi_align  # before torch


def main(argv: list[str]) -> None:
    given = json.loads(argv[0])
    feature = torch.tensor(given["feature"], dtype=torch.float64, requires_grad=True)
    rois = torch.tensor(given["rois"], dtype=torch.float64)
    side = given["side"]
    pooled = roi_align(
        feature, rois, given["scale"], side, side, given["samples"], given["aligned"]
    )
    (gradient,) = torch.autograd.grad(pooled.square().sum(), feature)
    print(json.dumps({"pooled": pooled.tolist(), "gradient": gradient.tolist()}))
