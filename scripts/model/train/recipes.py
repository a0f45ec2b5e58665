"""What each family of models needs in training beside its batches: its losses, and what learns.

EfficientDet and torchvision's models compute their losses themselves, YOLOv5's are functions of its
output. torchvision builds its ResNets for published weights, which a training from nothing has not.
"""

from __future__ import annotations

from collections.abc import Callable

import scripts.model.icevision  # noqa: F401  (before torchvision)
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torchvision.ops.misc import FrozenBatchNorm2d

from scripts.model.icevision.families import YOLOV5
from scripts.model.train.device import TrainingDevice

ComputeLosses = Callable[[object, object], dict[str, Tensor]]


def make_loss_function(family: str, model: nn.Module, device: TrainingDevice) -> ComputeLosses:
    """The function from a batch's images and targets, as IceVision makes them, to its losses.

    Each loss is a scalar under its family's name; "loss" is what to minimise. The model is on the
    device already.
    """
    if family == YOLOV5:
        return _make_yolov5_loss_function(model, device)

    def compute(images: object, targets: object) -> dict[str, Tensor]:
        with device.autocast():
            losses = model(images, targets)
        return losses if "loss" in losses else {**losses, "loss": sum(losses.values())}

    return compute


def choose_what_learns(model: nn.Module, *, has_weights: bool, is_published: bool) -> None:
    """Let a torchvision ResNet learn what it has no weights for; other models stay as they are.

    Its batch normalisation is frozen (FrozenBatchNorm2d), which only fits weights that come with
    their statistics, and its first layers are, too, which only fits published ones.
    has_weights: the model's weights come from a file. is_published: they are ImageNet's or COCO's.
    """
    if not has_weights:
        _learn_statistics(model)
    if not is_published:
        model.requires_grad_(True)


def _learn_statistics(module: nn.Module) -> None:
    """Replace frozen batch normalisation, whose checkpoints have the same names, in place."""
    for name, child in module.named_children():
        if isinstance(child, FrozenBatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(len(child.weight), eps=child.eps))
        else:
            _learn_statistics(child)


def _make_yolov5_loss_function(model: nn.Module, device: TrainingDevice) -> ComputeLosses:
    """YOLOv5's own ComputeLoss (yolov5-icevision), a picture's mean, in float32."""
    from yolov5.utils.loss import ComputeLoss

    compute_loss = ComputeLoss(model)

    def compute(images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        with device.autocast():
            levels = model(images)
        with _IntegerClamp():
            total, parts = compute_loss([level.float() for level in levels], targets)
        box, objectness, classes = parts.unbind()
        loss = total.sum() / len(images)
        return {"box": box, "objectness": objectness, "class": classes, "loss": loss}

    return compute


class _IntegerClamp(TorchFunctionMode):
    """Integers are clamped to integers, as torch before 1.11 did for yolov5-icevision.

    Its build_targets clamps grid cells (int64) to a bound that is a float32 tensor, which torch
    refuses today.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is Tensor.clamp_ and not args[0].is_floating_point():
            args = (args[0], *(int(bound) for bound in args[1:]))
        return function(*args, **(kwargs or {}))
