"""SSDs from offsets to priors: VGG's and NVIDIA's of 300 and 512 px, MobileNet's, TensorFlow's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.tool import ToolError
from tests.scripts.model.adapt.bundles import adapt_model
from tests.scripts.model.adapt.cases import prior_boxes, ssd_priors
from tests.scripts.model.adapt.formats.raw_head_checks import (
    check_golden_boxes,
    check_network_input,
    check_priors,
)


def class_names(count: int) -> str:
    return ",".join(f"class {number}" for number in range(count))


@pytest.mark.parametrize(
    ("sizes", "columns", "given", "format_name"),
    [
        (ssd_priors.VOC_300, 21, "softmax", "ssd-vgg-voc"),
        (ssd_priors.COCO_300, 81, "logits", "ssd-vgg-coco"),
    ],
)
def test_ssd300(sizes: Any, columns: int, given: Any, format_name: str, tmp_path: Path) -> None:
    priors = prior_boxes.ssd300(sizes)
    case = ssd_priors.ssd(priors, (300, 300), columns, given=given)
    names = class_names(columns - 1)
    result = check_golden_boxes(tmp_path, case, format_name=format_name, classes=names)
    check_priors(result, priors)
    check_network_input(
        result, tmp_path, order="rgb", scale=255, mean=(123, 117, 104), std=(1, 1, 1)
    )


@pytest.mark.parametrize(("columns", "options"), [(91, {}), (3, {"format": "ssd-torchvision"})])
def test_torchvisions_ssd300_cuts_no_centres(
    columns: int, options: dict[str, str], tmp_path: Path
) -> None:
    priors = prior_boxes.ssd300(ssd_priors.COCO_300, clamped=slice(2, 4))
    case = ssd_priors.ssd(priors, (300, 300), columns)
    names = class_names(columns - 1)
    result = check_golden_boxes(
        tmp_path, case, format_name="ssd-torchvision", classes=names, **options
    )
    check_priors(result, priors)


@pytest.mark.parametrize(("columns", "options"), [(91, {}), (3, {"format": "ssdlite-torchvision"})])
def test_torchvisions_ssdlite(columns: int, options: dict[str, str], tmp_path: Path) -> None:
    priors = prior_boxes.ssdlite()
    case = ssd_priors.ssd(priors, (320, 320), columns, iou=0.55)
    names = class_names(columns - 1)
    result = check_golden_boxes(
        tmp_path, case, format_name="ssdlite-torchvision", classes=names, **options
    )
    check_priors(result, priors)
    check_network_input(
        result, tmp_path, order="rgb", scale=255, mean=(127.5,) * 3, std=(127.5,) * 3
    )


@pytest.mark.parametrize("data_set", ["voc", "coco"])
def test_ssd512(data_set: str, tmp_path: Path) -> None:
    sizes = {"voc": ssd_priors.VOC_512, "coco": ssd_priors.COCO_512}[data_set]
    priors = prior_boxes.ssd512(sizes)
    case = ssd_priors.ssd(priors, (512, 512), 3)
    name = f"ssd-vgg-{data_set}"
    result = check_golden_boxes(tmp_path, case, format_name=name, format=name, classes="ant,bee")
    check_priors(result, priors)


def test_other_class_counts_leave_the_sizes_open(tmp_path: Path) -> None:
    """VOC's and COCO's sizes have as many priors; only the user knows which were trained."""
    case = ssd_priors.ssd(prior_boxes.ssd300(ssd_priors.COCO_300), (300, 300), 4)
    with pytest.raises(
        ToolError, match=r"--format ssd-vgg-voc or --format ssd-vgg-coco or --format ssd-t"
    ):
        adapt_model(tmp_path, case.model)
    check_golden_boxes(tmp_path, case, format_name="ssd-vgg-coco", format="ssd-vgg-coco")


def test_nvidias_ssd_has_its_columns_by_size_of_prior(tmp_path: Path) -> None:
    priors = prior_boxes.ssd300(ssd_priors.COCO_300, by_size=True)
    case = ssd_priors.ssd(priors, (300, 300), 81, iou=0.5, transposed=True)
    result = check_golden_boxes(tmp_path, case, format_name="ssd-nvidia", classes=class_names(80))
    check_priors(result, priors)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    check_network_input(result, tmp_path, order="rgb", scale=1, mean=mean, std=std)


@pytest.mark.parametrize(
    ("columns", "given"), [(21, "logits"), (4, "softmax"), (21, "int8 softmax")]
)
def test_mobilenet_ssd_of_pytorch_ssd(columns: int, given: Any, tmp_path: Path) -> None:
    priors = prior_boxes.ssd_mobilenet()
    case = ssd_priors.ssd(priors, (300, 300), columns, threshold=0.4, given=given)
    names = class_names(columns - 1)
    result = check_golden_boxes(tmp_path, case, format_name="ssd-mobilenet", classes=names)
    check_priors(result, priors)
    check_network_input(result, tmp_path, order="rgb", scale=255, mean=(127,) * 3, std=(128,) * 3)


@pytest.mark.parametrize(
    ("size", "columns", "given"),
    [
        ((300, 300), 91, "sigmoid logits"),
        ((320, 320), 8, "sigmoid"),
        ((320, 192), 8, "sigmoid"),
    ],
)
def test_tensorflows_ssd(size: tuple[int, int], columns: int, given: Any, tmp_path: Path) -> None:
    priors = prior_boxes.tensorflow_ssd(*size)
    case = ssd_priors.ssd(
        priors,
        size,
        columns,
        iou=0.6,
        given=given,
        yxhw=True,
        shape=(1, size[1], size[0], 3),
    )
    names = class_names(columns - 1)
    result = check_golden_boxes(tmp_path, case, format_name="tf-ssd-heads", classes=names)
    check_priors(result, priors)
    check_network_input(
        result, tmp_path, order="rgb", scale=255, mean=(127.5,) * 3, std=(127.5,) * 3
    )


def test_caffes_mobilenet_ssd_is_not_tensorflows(tmp_path: Path) -> None:
    """It has as many priors of other sizes, and a softmax."""
    priors = prior_boxes.tensorflow_ssd(300, 300)
    case = ssd_priors.ssd(priors, (300, 300), 21, given="softmax")
    with pytest.raises(ToolError, match=r"1917 rows.* tf-ssd-heads \(sigmoid scores\) has 1917"):
        adapt_model(tmp_path, case.model, classes=class_names(20))


def test_rows_that_are_no_known_priors_are_refused(tmp_path: Path) -> None:
    case = ssd_priors.ssd(prior_boxes.ssd_mobilenet()[:-5], (300, 300), 21)
    with pytest.raises(ToolError, match=r"2995 rows.*ssd-mobilenet has 3000"):
        adapt_model(tmp_path, case.model, classes=class_names(20))


@pytest.mark.parametrize(
    ("anchors", "owner"), [(9, "RetinaNet or EfficientDet"), (6, "TensorFlow's SSD with a pyramid")]
)
def test_anchors_of_a_pyramid_are_refused_by_their_owners_name(
    anchors: int, owner: str, tmp_path: Path
) -> None:
    row_count = anchors * sum((256 // stride) ** 2 for stride in (8, 16, 32, 64, 128))
    priors = np.full((row_count, 4), 0.5)
    case = ssd_priors.ssd(priors, (256, 256), 4, given="sigmoid")
    with pytest.raises(ToolError, match=f"{owner} has as many, {anchors} anchors a cell"):
        adapt_model(tmp_path, case.model)
