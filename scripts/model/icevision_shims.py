"""Nothing in; IceVision 0.12 importable out, on today's torch and Pillow, without the network.

Import this module before icevision. Each shim says which break it mends; none changes a result.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path


def _register_nms() -> None:
    """PyPI's torchvision beside a CPU torch lacks its compiled ops: give torchvision::nms a
    pure-torch body."""
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
    _register_nms.keep = library  # type: ignore[attr-defined]  # the op lives as long as its library
    import torchvision.extension

    torchvision.extension._has_ops = (
        _has_ops  # it asks for a compiled library, but nms is all it needs
    )


def _has_ops() -> bool:
    return True


def _seed_font() -> None:
    """icevision downloads a font at import: put one of matplotlib's where it looks first."""
    home = Path(tempfile.gettempdir()) / f"icebox-icevision-{os.getuid()}"
    spec = importlib.util.find_spec("matplotlib")
    assert spec and spec.origin
    fonts = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    target = home / ".icevision" / "fonts" / "SpaceGrotesk-Medium.ttf"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fonts / "DejaVuSans.ttf", target)
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


_register_nms()
_import_icevision()
