# ruff: noqa: I001  (the shims come before timm and torchvision)
"""Write files of weights as others publish them, of random numbers. Runs in the training
environment.

python -m tests.scripts.model.icevision.weight_files FOLDER KIND...
"""

from pathlib import Path

from scripts.model.icevision.families import build_model

import timm
import torch
import torchvision
from safetensors.torch import save_file


class Run:
    """Unpickled, it makes a file."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self):
        return open, (str(self._proof), "w")


def _coco_detector(family: str, backbone: str) -> torch.nn.Module:
    return build_model(family, backbone, [f"class {number}" for number in range(90)], 128)


def resnet18(path: Path) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), path)


def resnet34(path: Path) -> None:
    """As a training on several GPUs saves it, among its other state."""
    weights = torchvision.models.resnet34().state_dict()
    content = {"epoch": 3, "state_dict": {f"module.{key}": each for key, each in weights.items()}}
    torch.save(content, path)


def mobilenet(path: Path) -> None:
    """timm's backbone of micro_035, as safetensors."""
    weights = timm.create_model("mobilenetv2_035").state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, path)


def effdet(path: Path) -> None:
    """A whole detector under effdet's own names, with COCO's 90 classes."""
    torch.save(_coco_detector("ross.efficientdet", "micro_035").model.state_dict(), path)


def yolov5(path: Path) -> None:
    """As ultralytics publishes it: the pickled module itself, in float16."""
    model = _coco_detector("ultralytics.yolov5", "small")
    del model.param_groups  # IceVision's, which does not pickle
    torch.save({"epoch": -1, "best_fitness": 0.5, "model": model.half()}, path)


def trap(path: Path) -> None:
    weights = torchvision.models.resnet18().state_dict()
    torch.save({"state_dict": weights, "arguments": Run(path.parent / "it-ran")}, path)


def not_finite(path: Path) -> None:
    weights = torchvision.models.resnet18().state_dict()
    weights["conv1.weight"].view(-1)[0] = float("nan")
    torch.save(weights, path)


def main(argv: list[str]) -> None:
    torch.manual_seed(5)
    for kind in argv[1:]:
        name = f"{kind}.safetensors" if kind == "mobilenet" else f"{kind}.pth"
        globals()[kind](Path(argv[0]) / name)
