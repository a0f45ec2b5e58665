"""All formats that adapt recognises, in the order of --help.

To add one, write its module, or an entry in its family's module, and list it in FORMATS. A layout
that no other format has gets its finder into scripts.model.adapt.recognition. Of the readings of
one layout, the one with the highest priority is tried first; ties go by the order of FORMATS.
"""

from scripts.model.adapt.formats import (
    boxes_scores,
    detr,
    mmdeploy,
    paddle,
    rt_detr,
    ssd,
    tensorflow,
    tensorrt,
    torchvision,
    ultralytics,
    yolo_nas,
    yolov5,
    yolox,
)
from scripts.model.adapt.formats.anchor_heads import fastest, yolo_anchors, yolov2
from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.level_heads import (
    damo_yolo,
    nanodet,
    picodet,
    rtmdet_heads,
    scrfd,
    yolo_heads,
    yunet,
)
from scripts.model.adapt.formats.prior_heads import blazeface, face_priors, ssd_priors

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
    rt_detr.RT_DETR,
    rt_detr.RT_DETR_ULTRALYTICS,
    ssd.SSD,
    nanodet.NANODET,
    picodet.PICODET,
    scrfd.SCRFD,
    yunet.YUNET,
    damo_yolo.DAMO_YOLO,
    rtmdet_heads.RTMDET_HEADS,
    yolo_heads.YOLOV8_HEADS,
    yolo_heads.YOLOV6_HEADS,
    yolo_heads.YOLOX_HEADS,
    face_priors.RETINAFACE,
    face_priors.FACE_DETECTOR_1MB,
    face_priors.ULTRAFACE,
    face_priors.FACEBOXES,
    ssd_priors.SSD_VGG_VOC,
    ssd_priors.SSD_VGG_COCO,
    ssd_priors.SSD_TORCHVISION,
    ssd_priors.SSDLITE_TORCHVISION,
    ssd_priors.SSD_NVIDIA,
    ssd_priors.SSD_MOBILENET,
    ssd_priors.TF_SSD_HEADS,
    blazeface.BLAZEFACE,
    fastest.FASTEST_DET,
    fastest.YOLO_FASTESTV2,
    yolo_anchors.YOLOV5_HEADS,
    yolo_anchors.YOLOV7_HEADS,
    yolo_anchors.YOLOV3_HEADS,
    yolo_anchors.YOLOV4_HEADS,
    yolov2.YOLOV2_HEADS,
    yolov2.TINY_YOLOV2_HEADS,
    paddle.PADDLE,
)
