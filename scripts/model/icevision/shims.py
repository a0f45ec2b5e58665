"""Makes IceVision 0.12 importable on today's torch and Pillow, without the network.

Import this module before icevision. Each shim names the incompatibility it works around; none
changes a result.
"""

import importlib.util
import os
import shutil
import sys
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
    from scripts.model.icevision.roi_align import roi_align

    library.impl("roi_align", roi_align, "CompositeImplicitAutograd")
    _register_nms.keep = library  # type: ignore[attr-defined]  # the op lives as long as its library
    import torchvision.extension

    # They ask for a compiled library, but these two are all they need. Without, RoIAlign would be
    # compiled by torch.compile, which takes half a minute and a C++ compiler.
    torchvision.extension._has_ops = _has_ops
    sys.modules["torchvision.ops.roi_align"]._has_ops = _has_ops  # type: ignore[attr-defined]


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
