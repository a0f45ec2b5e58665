"""SSDs before decoding: offsets to priors of six levels or seven, beside class scores.

The number of rows tells the network's family, and where two families share it, the number of
classes does; where neither does, only --format says which it is.
"""

from __future__ import annotations

from scripts.model.adapt.formats.format import Format
from scripts.model.adapt.formats.prior_heads.softmaxed_offsets import read_softmaxed_offsets
from scripts.model.adapt.formats.prior_heads.ssd_default_boxes import (
    VGG_SIDES,
    DataSet,
    mobilenet_priors,
    ssdlite_priors,
    tensorflow_priors,
    vgg_priors,
)
from scripts.model.adapt.preprocessing import (
    BLACK,
    IMAGENET_MEAN,
    IMAGENET_STD,
    UNIT_STD,
    Preprocessing,
)
from scripts.model.adapt.reading import FormatReading, Priors
from scripts.model.adapt.recognition.layouts.prior_outputs import PriorOutputs

_VGG = Preprocessing("rgb", 255, (123.0, 117.0, 104.0), UNIT_STD, "stretch", BLACK, "opencv-linear")
_MOBILENET = Preprocessing(
    "rgb", 255, (127.0,) * 3, (128.0,) * 3, "stretch", BLACK, "opencv-linear"
)
_MINUS_1_TO_1 = Preprocessing(
    "rgb", 255, (127.5,) * 3, (127.5,) * 3, "stretch", BLACK, "opencv-linear"
)
_NVIDIA = Preprocessing("rgb", 1, IMAGENET_MEAN, IMAGENET_STD, "stretch", BLACK, "antialias")

# Background and 80 classes, or ssd.pytorch's 200; torchvision's have COCO's gaps.
_VOC_COLUMNS, _COCO_COLUMNS, _TORCHVISION_COLUMNS = (21,), (81, 201), 91


def _read_vgg(outputs: PriorOutputs, data_set: DataSet) -> FormatReading | None:
    width, height = outputs.input_size
    if width != height or width not in VGG_SIDES or outputs.layout != "rows":
        return None
    known_columns = _VOC_COLUMNS if data_set == "voc" else _COCO_COLUMNS
    return read_softmaxed_offsets(
        outputs,
        f"ssd-vgg-{data_set}",
        vgg_priors(width, data_set),
        _VGG,
        plausible=outputs.score_columns in known_columns,
    )


def _read_vgg_voc(outputs: PriorOutputs) -> FormatReading | None:
    return _read_vgg(outputs, "voc")


def _read_vgg_coco(outputs: PriorOutputs) -> FormatReading | None:
    return _read_vgg(outputs, "coco")


def _read_torchvision(outputs: PriorOutputs) -> FormatReading | None:
    """ssd300_vgg16: DefaultBoxGenerator cuts sizes, but no centres."""
    if outputs.input_size != (300, 300) or outputs.layout != "rows":
        return None
    return read_softmaxed_offsets(
        outputs,
        "ssd-torchvision",
        vgg_priors(300, "coco", cuts_centres=False),
        _VGG,
        plausible=outputs.score_columns == _TORCHVISION_COLUMNS,
    )


def _read_ssdlite(outputs: PriorOutputs) -> FormatReading | None:
    """ssdlite320_mobilenet_v3_large; lufficc's SSD of 320 px has as many priors of other sizes."""
    if outputs.input_size != (320, 320) or outputs.layout != "rows":
        return None
    return read_softmaxed_offsets(
        outputs,
        "ssdlite-torchvision",
        ssdlite_priors(),
        _MINUS_1_TO_1,
        iou_threshold=0.55,
        plausible=outputs.score_columns == _TORCHVISION_COLUMNS,
    )


def _read_nvidia(outputs: PriorOutputs) -> FormatReading | None:
    """DeepLearningExamples' and MLPerf's SSD300: a column a prior, all cells of a prior together,
    whose sizes are as COCO's above."""
    if outputs.input_size != (300, 300) or outputs.layout != "columns":
        return None
    return read_softmaxed_offsets(
        outputs,
        "ssd-nvidia",
        vgg_priors(300, "coco", by_size=True),
        _NVIDIA,
        iou_threshold=0.5,
        notes=("normalised as ImageNet; --mean and --std say otherwise",),
    )


def _read_mobilenet(outputs: PriorOutputs) -> FormatReading | None:
    """mobilenetv1_ssd_config of pytorch-ssd, which its SSD lites share."""
    if outputs.input_size != (300, 300) or outputs.layout != "rows":
        return None
    return read_softmaxed_offsets(
        outputs, "ssd-mobilenet", mobilenet_priors(), _MOBILENET, score_threshold=0.4
    )


def _read_tensorflow(outputs: PriorOutputs) -> FormatReading | None:
    if outputs.landmarks or outputs.layout != "rows" or outputs.softmaxed:
        return None
    priors = tensorflow_priors(outputs.input_size)
    if outputs.score_columns < 2 or not outputs.are_offsets_to(priors):
        return None
    width, height = outputs.input_size
    return FormatReading(
        format="tf-ssd-heads",
        reasons=(
            f"{outputs.summary}: offsets (ty, tx, th, tw) to the {len(priors)} priors of "
            f"TensorFlow's SSD at {width} x {height} px, background and "
            f"{outputs.score_columns - 1} classes",
        ),
        preprocessing=_MINUS_1_TO_1,
        boxes=outputs.offsets_slice,
        coding="prior-offsets",
        priors=Priors(priors, order="yxhw"),
        scores=outputs.scores_slice,
        activation="none" if outputs.probable else "sigmoid",
        background="first",
        score_threshold=0.5,
        iou_threshold=0.6,
        priority=2,
        # Caffe's MobileNet-SSD has as many priors, of other sizes, and a softmax.
        plausible=outputs.probable or outputs.score_columns == 91,
    )


SSD_VGG_VOC = Format(
    "ssd-vgg-voc",
    "offsets to SSD300's 8732 priors, or SSD512's 24564, of VOC's sizes; RGB less the mean",
    {PriorOutputs: _read_vgg_voc},
)
SSD_VGG_COCO = Format(
    "ssd-vgg-coco",
    "the same with COCO's sizes",
    {PriorOutputs: _read_vgg_coco},
)
SSD_TORCHVISION = Format(
    "ssd-torchvision",
    "the same as torchvision's ssd300_vgg16 has it before its post-processing",
    {PriorOutputs: _read_torchvision},
)
SSDLITE_TORCHVISION = Format(
    "ssdlite-torchvision",
    "offsets to 3234 priors at 320 px (torchvision's ssdlite320); RGB -1..1",
    {PriorOutputs: _read_ssdlite},
)
SSD_NVIDIA = Format(
    "ssd-nvidia",
    "SSD300's priors as [1, 4, 8732] and [1, C, 8732]; ImageNet (NVIDIA's)",
    {PriorOutputs: _read_nvidia},
)
SSD_MOBILENET = Format(
    "ssd-mobilenet",
    "offsets to 3000 priors at 300 px (MobileNet SSDs of pytorch-ssd); RGB less 127",
    {PriorOutputs: _read_mobilenet},
)
TF_SSD_HEADS = Format(
    "tf-ssd-heads",
    "TensorFlow's SSD before decoding, 1917 priors at 300 px; RGB -1..1",
    {PriorOutputs: _read_tensorflow},
)
