"""Makes IceVision 0.12 importable on today's torch and Pillow, without the network.

Import this module before icevision. Each shim names the incompatibility it works around; none
changes a result.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path


def _register_nms() -> None:
    """Implement torchvision::nms in pure torch, for PyPI's torchvision lacks its compiled ops
    beside a CPU torch."""
    import torch

    try:
        import torchvision

        return
    except RuntimeError:  # "operator torchvision::nms does not exist"
        pass
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):  # torchvision's import asks for both; only nms is ever called
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

    def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
        order = scores.argsort(descending=True, stable=True)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        kept = []
        while order.numel():
            best, order = order[0], order[1:]
            kept.append(best)
            corner = torch.maximum(boxes[best, :2], boxes[order, :2])
            opposite = torch.minimum(boxes[best, 2:], boxes[order, 2:])
            overlap = (opposite - corner).clamp(min=0).prod(1)
            order = order[overlap / (area[best] + area[order] - overlap) <= iou_threshold]
        return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)

    library.impl("nms", nms, "CPU")
    library.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
        "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"
    )
    library.impl("roi_align", _roi_align, "CompositeImplicitAutograd")
    _register_nms.keep = library  # type: ignore[attr-defined]  # the op lives as long as its library
    import torchvision.extension

    torchvision.extension._has_ops = (
        _has_ops  # it asks for a compiled library, but nms is all it needs
    )


def _roi_align(feature, rois, scale, height, width, samples, aligned):
    """RoIAlign of Mask R-CNN (He et al. 2017): the mean of `samples` x `samples` points in each
    cell, interpolated linearly.

    feature: float32 (N, C, h, w). rois: float32 (R, 5), picture number and xyxy.
    """
    import torch

    if len(feature) != 1:  # a picture at a time keeps the gathered points small
        parts = feature.new_zeros(len(rois), feature.shape[1], height, width)
        for number in rois[:, 0].unique().tolist():
            own = rois[:, 0] == number
            one = feature[int(number)][None]
            parts[own] = _roi_align(one, rois[own], scale, height, width, samples, aligned)
        return parts
    channels, (rows, columns) = feature.shape[1], feature.shape[2:]
    flat = feature.reshape(channels, rows * columns).T.contiguous()
    pooled = []
    for some in rois[:, 1:].split(64):  # so that the gathered points stay within 64 MB
        corners = some * scale - (0.5 if aligned else 0.0)
        extent = corners[:, 2:] - corners[:, :2]
        extent = extent if aligned else extent.clamp(min=1.0)
        weights, places = [], []
        for start, length, cells, limit in (
            (corners[:, 1], extent[:, 1], height, rows),
            (corners[:, 0], extent[:, 0], width, columns),
        ):
            at = (torch.arange(cells * samples, device=feature.device) + 0.5) / samples
            at = start[:, None] + at * (length / cells)[:, None]
            inside = ((at >= -1.0) & (at <= limit)).to(feature.dtype)
            at = at.clamp(0, limit - 1)
            low = at.floor().clamp(max=limit - 1).long()
            high = (low + 1).clamp(max=limit - 1)
            part = at - low
            weights.append(((1 - part) * inside, part * inside))
            places.append((low, high))
        total = 0
        for y_weight, y in zip(weights[0], places[0], strict=True):
            for x_weight, x in zip(weights[1], places[1], strict=True):
                value = flat[y[:, :, None] * columns + x[:, None, :]]
                total = total + value * (y_weight[:, :, None] * x_weight[:, None, :])[..., None]
        cells = total.reshape(len(some), height, samples, width, samples, channels)
        pooled.append(cells.mean((2, 4)).permute(0, 3, 1, 2))
    return torch.cat(pooled) if pooled else feature.new_zeros(0, channels, height, width)


def _has_ops() -> bool:
    return True


def _seed_font() -> None:
    """Put one of matplotlib's fonts where icevision and yolov5-icevision look before they download
    one at import."""
    home = Path(tempfile.gettempdir()) / f"icebox-icevision-{os.getuid()}"
    spec = importlib.util.find_spec("matplotlib")
    assert spec and spec.origin
    fonts = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in (".icevision/fonts/SpaceGrotesk-Medium.ttf", "yolov5/Arial.ttf"):
        target = home / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fonts / "DejaVuSans.ttf", target)
    os.environ.setdefault("YOLOV5_CONFIG_DIR", str(home / "yolov5"))
    os.environ.setdefault("MPLCONFIGDIR", str(home / "matplotlib"))
    os.environ["HOME"] = str(home)


def _import_icevision() -> None:
    import warnings

    warnings.filterwarnings("ignore")
    before = os.environ.get("HOME")
    _seed_font()
    try:
        import icevision.all  # noqa: F401
        import PIL.ImageOps  # noqa: F401  (icevision uses it without importing it)
    finally:
        if before is not None:
            os.environ["HOME"] = before


def yolov5():
    """IceVision's YOLOv5 module. Raises ImportError where yolov5-icevision is not installed."""
    import icevision.models
    import yolov5  # noqa: F401

    return icevision.models.ultralytics.yolov5


_register_nms()
_import_icevision()
