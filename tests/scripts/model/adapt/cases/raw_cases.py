"""A small golden case of each format that is a head before decoding, and the options it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.scripts.model.adapt.cases import (
    anchor_heads,
    blazeface,
    face_priors,
    prior_boxes,
    ssd_priors,
)
from tests.scripts.model.adapt.cases.golden import GoldenCase

_SIZE = (160, 128)


def _ssd(priors: Any, columns: int, **options: Any) -> GoldenCase:
    return ssd_priors.ssd(priors, (300, 300), columns, **options)


def _tensorflow() -> GoldenCase:
    priors = prior_boxes.tensorflow_ssd(*_SIZE)
    return ssd_priors.ssd(priors, _SIZE, 8, given="sigmoid", yxhw=True)


def _blazeface() -> GoldenCase:
    return blazeface.blazeface(128, (8, 16, 16, 16), per_layer=2, threshold=0.5)


def _yolo(anchors: tuple[float, ...], coding: Any) -> GoldenCase:
    return anchor_heads.yolo(_SIZE, anchors, coding=coding, thresholds=(0.3, 0.5))


RAW_CASES: dict[str, tuple[Callable[[], GoldenCase], dict[str, Any]]] = {
    "retinaface": (lambda: face_priors.retinaface(_SIZE), {}),
    "face-detector-1mb": (
        lambda: face_priors.face_detector_1mb(_SIZE, prior_boxes.SLIM),
        {},
    ),
    "ultraface": (lambda: face_priors.ultraface(_SIZE), {}),
    "faceboxes": (lambda: face_priors.faceboxes(_SIZE), {}),
    "ssd-vgg-voc": (lambda: _ssd(prior_boxes.ssd300(ssd_priors.VOC_300), 21), {}),
    "ssd-vgg-coco": (
        lambda: _ssd(prior_boxes.ssd300(ssd_priors.COCO_300), 6),
        {"format": "ssd-vgg-coco"},
    ),
    "ssd-torchvision": (
        lambda: _ssd(prior_boxes.ssd300(ssd_priors.COCO_300, clamped=slice(2, 4)), 6),
        {"format": "ssd-torchvision"},
    ),
    "ssdlite-torchvision": (
        lambda: ssd_priors.ssd(prior_boxes.ssdlite(), (320, 320), 91),
        {},
    ),
    "ssd-nvidia": (
        lambda: _ssd(prior_boxes.ssd300(ssd_priors.COCO_300, by_size=True), 6, transposed=True),
        {},
    ),
    "ssd-mobilenet": (lambda: _ssd(prior_boxes.ssd_mobilenet(), 6), {}),
    "tf-ssd-heads": (_tensorflow, {}),
    "blazeface": (_blazeface, {}),
    "fastestdet": (lambda: anchor_heads.fastestdet(_SIZE, 6), {}),
    "yolo-fastestv2": (lambda: anchor_heads.fastestv2(_SIZE), {}),
    "yolov5-heads": (
        lambda: _yolo(anchor_heads.YOLOV5, "yolov5"),
        {"format": "yolov5-heads"},
    ),
    "yolov7-heads": (
        lambda: _yolo(anchor_heads.YOLOV4, "yolov5"),
        {"format": "yolov7-heads"},
    ),
    "yolov2-heads": (
        lambda: anchor_heads.yolov2((160, 128), anchor_heads.YOLOV2_COCO, 80),
        {},
    ),
    "tiny-yolov2-heads": (
        lambda: anchor_heads.yolov2((160, 128), anchor_heads.TINY_YOLOV2_VOC, 20),
        {"format": "tiny-yolov2-heads"},
    ),
    "yolov3-heads": (
        lambda: _yolo(anchor_heads.YOLOV5, "yolov3"),
        {"format": "yolov3-heads"},
    ),
    "yolov4-heads": (
        lambda: _yolo(anchor_heads.YOLOV4, "yolov3"),
        {"format": "yolov4-heads"},
    ),
}
