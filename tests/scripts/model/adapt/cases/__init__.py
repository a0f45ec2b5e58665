"""All golden cases by name: the format, the function that makes the case, and its options."""

from collections.abc import Callable
from typing import Any

from tests.scripts.model.adapt.cases import (
    boxes_and_scores,
    detr,
    level_heads,
    nanodet,
    nms_inside,
    yolo,
)
from tests.scripts.model.adapt.cases.golden import GoldenCase
from tests.scripts.model.adapt.foreign_graphs import HEIGHT, WIDTH

CASES: dict[str, tuple[str, Callable[[], GoldenCase], dict[str, Any]]] = {
    "yolox decoded": ("yolox", yolo.yolox_decoded, {}),
    "yolox raw": ("yolox", yolo.yolox_raw, {}),
    "yolov5": ("yolov5", yolo.yolov5, {}),
    "yolov5 half": ("yolov5", yolo.yolov5_half, {}),
    "yolov6": ("yolov6", yolo.yolov6, {}),
    "yolov8": ("yolov8", yolo.yolov8, {"classes": None}),
    "yolov8 transposed": ("yolov8", yolo.yolov8_transposed, {"format": "yolov8"}),
    "end2end": ("end2end", yolo.end2end, {}),
    "yolov7 end2end": ("yolov7-end2end", yolo.yolov7_end2end, {}),
    "torchvision": ("torchvision", nms_inside.torchvision, {}),
    "torchvision, no names": ("torchvision", nms_inside.torchvision_unnamed, {}),
    "mmdeploy": ("mmdeploy", nms_inside.mmdeploy, {}),
    "tf-ssd": ("tf-ssd", nms_inside.tf_ssd, {"size": (WIDTH, HEIGHT)}),
    "efficientnms": ("efficientnms", nms_inside.efficientnms, {}),
    "detr": ("detr", detr.detr, {"size": (WIDTH, HEIGHT)}),
    "deformable-detr": ("deformable-detr", detr.deformable_detr, {}),
    "rt-detr": ("rt-detr", detr.rt_detr, {}),
    "rt-detr of ultralytics": ("rt-detr-ultralytics", detr.rt_detr_ultralytics, {}),
    "rt-detr of ultralytics 8.4": ("rt-detr-ultralytics", detr.rt_detr_ultralytics_rows, {}),
    "ssd": ("ssd", boxes_and_scores.ssd, {}),
    "boxes-scores": ("boxes-scores", boxes_and_scores.boxes_scores, {}),
    "nanodet plus": ("nanodet", nanodet.nanodet_plus, {}),
    "nanodet by stride": ("nanodet", nanodet.nanodet_by_stride, {}),
    "paddle": ("paddle", nms_inside.paddle, {}),
    "paddle before nms": ("paddle", boxes_and_scores.paddle_before_nms, {}),
    "yolov4": ("boxes-scores", boxes_and_scores.yolov4, {}),
    "yolov3 of keras": ("boxes-scores", boxes_and_scores.yolov3_keras, {}),
    "pinto": ("yolov7-end2end", yolo.pinto, {}),
    "onnx-ssd": ("onnx-ssd", nms_inside.onnx_ssd, {}),
    "tf-efficientdet": ("tf-efficientdet", nms_inside.tf_efficientdet, {}),
    "scrfd": ("scrfd", level_heads.scrfd, {"classes": "face"}),
    "yunet": ("yunet", level_heads.yunet, {"classes": "face"}),
    "picodet": ("picodet", level_heads.picodet, {}),
    "damo-yolo": ("damo-yolo", level_heads.damo_yolo, {}),
    "rtmdet heads": ("rtmdet-heads", level_heads.rtmdet_heads, {}),
    "yolov8 heads": ("yolov8-heads", level_heads.yolov8_heads, {}),
    "yolov6 heads": ("yolov6-heads", level_heads.yolov6_rockchip, {}),
    "yolox heads": ("yolox-heads", level_heads.yolox_heads, {}),
    "rf-detr": ("deformable-detr", detr.rf_detr, {}),
}
