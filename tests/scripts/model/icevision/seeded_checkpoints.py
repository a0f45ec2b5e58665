"""A JSON list of checkpoints to make in; untrained ones that detect something out. Runs in the
training environment.

Of each: path, model, backbone, classes, size (a side or a pair), meta (what else to say; null takes
a key away), form ("icevision", "bare", "parallel") and nan.
"""

import json
from pathlib import Path

import torch

from scripts.model.icevision import checkpoint, families

DEFAULTS = {
    "model": "ross.efficientdet",
    "backbone": "micro_035",
    "classes": ["nut", "bolt", "washer"],
    "size": 128,
    "meta": None,
    "form": "icevision",
    "nan": False,
}


def lively(model_name: str, state: dict, classes: int) -> None:
    """Untrained heads answer next to nothing; here scores spread, the background's stay low."""
    for key, value in state.items():
        if "class_net.predict.conv_pw.weight" in key:
            value.mul_(2)
        elif "class_net.predict.conv_pw.bias" in key:
            value.fill_(-1.5)
        elif key == "head.classification_head.cls_logits.weight":
            value.mul_(20)
        elif key == "head.classification_head.cls_logits.bias":
            value.fill_(-1.0).view(-1, classes + 1)[:, 0] = -9.0
        elif "box_predictor.cls_score.weight" in key:
            value.mul_(60)
        elif model_name == "ultralytics.yolov5" and key.startswith("model.24.m."):
            value.mul_(200) if key.endswith("weight") else value.normal_(0, 0.5)


def make(path: str, model: str, backbone: str, classes: list[str], size, meta, form, nan) -> None:
    torch.manual_seed(3)
    built = families.build(
        model, backbone, classes, tuple(size) if isinstance(size, list) else size
    )
    state = {key: value.clone() for key, value in built.state_dict().items()}
    lively(model, state, len(classes))
    if nan:
        next(iter(state.values())).view(-1)[0] = float("nan")
    if form == "bare":
        torch.save(state, path)
        return
    if form == "parallel":
        state = {f"module.{key}": value for key, value in state.items()}
    checkpoint.save(
        Path(path), state, model_name=model, backbone_name=backbone, classes=classes, size=size
    )
    if meta:
        whole = torch.load(path, weights_only=True)
        whole["meta"] = {k: v for k, v in {**whole["meta"], **meta}.items() if v is not None}
        torch.save(whole, path)


def main(arguments: list[str]) -> None:
    for wanted in json.loads(arguments[0]):
        make(**{**DEFAULTS, **wanted})
