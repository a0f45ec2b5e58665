"""All formats that adapt recognises, in the order of --help.

To add one, write its module, or an entry in its family's module, and list it in FORMATS. A layout
that no other format has gets its finder into scripts.model.adapt.recognition. Of the readings of
one layout, the one with the highest priority is tried first; ties go by the order of FORMATS.
"""

from scripts.model.adapt.formats import (
    boxes_scores,
    detr,
    mmdeploy,
    nanodet,
    paddle,
    ssd,
    tensorflow,
    tensorrt,
    torchvision,
    ultralytics,
    yolo_nas,
    yolov5,
    yolox,
)
from scripts.model.adapt.formats.format import Format

FORMATS: tuple[Format, ...] = (
    yolox.YOLOX,
    yolov5.YOLOV5,
    yolov5.YOLOV6,
    ultralytics.YOLOV8,
    ultralytics.END2END,
    yolov5.YOLOV7_END2END,
    yolo_nas.YOLO_NAS,
    boxes_scores.BOXES_SCORES,
    torchvision.TORCHVISION,
    mmdeploy.MMDEPLOY,
    mmdeploy.RTMDET,
    tensorflow.TF_SSD,
    tensorflow.TF_EFFICIENTDET,
    tensorrt.EFFICIENTNMS,
    ssd.ONNX_SSD,
    detr.DETR,
    detr.DEFORMABLE_DETR,
    detr.RT_DETR,
    detr.RT_DETR_ULTRALYTICS,
    ssd.SSD,
    nanodet.NANODET,
    paddle.PADDLE,
)
