"""Write untrained checkpoints that detect something. Runs in the training environment.

The argument is a JSON list of checkpoints, each with any of: path, model, backbone, classes, size
(a side or a pair), meta (further entries; null removes a key), form ("icevision", "bare",
"parallel") and nan.
"""

import json
from pathlib import Path

import torch

from scripts.model.icevision.checkpoint import save_checkpoint
from scripts.model.icevision.families import build_model

DEFAULTS = {
    "model": "ross.efficientdet",
    "backbone": "micro_035",
    "classes": ["nut", "bolt", "washer"],
    "size": 128,
    "meta": None,
    "form": "icevision",
    "nan": False,
}


def spread_scores(model_name: str, state_dict: dict, class_count: int) -> None:
    """Scale an untrained head so that its scores spread, but the background's stay low."""
    for key, value in state_dict.items():
        if "class_net.predict.conv_pw.weight" in key:
            value.mul_(2)
        elif "class_net.predict.conv_pw.bias" in key:
            value.fill_(-1.5)
        elif key == "head.classification_head.cls_logits.weight":
            value.mul_(20)
        elif key == "head.classification_head.cls_logits.bias":
            value.fill_(-1.0).view(-1, class_count + 1)[:, 0] = -9.0
        elif "box_predictor.cls_score.weight" in key:
            value.mul_(60)
        elif model_name == "ultralytics.yolov5" and key.startswith("model.24.m."):
            value.mul_(200) if key.endswith("weight") else value.normal_(0, 0.5)


def write_seeded_checkpoint(
    path: str, model: str, backbone: str, classes: list[str], size, meta, form, nan
) -> None:
    torch.manual_seed(3)
    untrained = build_model(
        model, backbone, classes, tuple(size) if isinstance(size, list) else size
    )
    state_dict = {key: value.clone() for key, value in untrained.state_dict().items()}
    spread_scores(model, state_dict, len(classes))
    if nan:
        next(iter(state_dict.values())).view(-1)[0] = float("nan")
    if form == "bare":
        torch.save(state_dict, path)
        return
    if form == "parallel":
        state_dict = {f"module.{key}": value for key, value in state_dict.items()}
    save_checkpoint(
        Path(path), state_dict, model_name=model, backbone_name=backbone, classes=classes, size=size
    )
    if meta:
        content = torch.load(path, weights_only=True)
        entries = {**content["meta"], **meta}
        content["meta"] = {key: value for key, value in entries.items() if value is not None}
        torch.save(content, path)


def main(argv: list[str]) -> None:
    for checkpoint in json.loads(argv[0]):
        write_seeded_checkpoint(**{**DEFAULTS, **checkpoint})
