"""Published weights of IceVision's models: which there are, and where a download keeps them.

As IceVision does: effdet's and YOLOv5's detectors of COCO, torchvision's where it has one,
otherwise the backbone alone, of ImageNet, by timm or torchvision. They are kept where torch.hub
keeps its own.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

import torch
from effdet.config.model_config import efficientdet_model_param_dict
from huggingface_hub import hf_hub_url
from timm.models import get_pretrained_cfg
from torchvision.models import get_model_weights

from scripts.model.icevision.families import YOLOV5, efficientdet_config, icevision_module
from scripts.tool import ToolError

# Of the release whose networks yolov5-icevision 6.0.0 builds.
YOLOV5_RELEASE = "https://github.com/ultralytics/yolov5/releases/download/v6.0"
TORCHVISION_DETECTORS = {
    ("torchvision.retinanet", "resnet50_fpn"): "retinanet_resnet50_fpn",
    ("torchvision.faster_rcnn", "resnet50_fpn"): "fasterrcnn_resnet50_fpn",
}
SECONDS_WITHOUT_AN_ANSWER = 30.0


@dataclass(frozen=True)
class PublishedWeights:
    """url: of the file. file_name: it is kept under. what: in words, such as "effdet's detector,
    trained on COCO"."""

    url: str
    file_name: str
    what: str

    @property
    def sha256_prefix(self) -> str | None:
        """The first digits of the file's sha256, which torch and timm put into its name."""
        match = re.search(r"-([0-9a-f]{8,})\.\w+$", self.file_name)
        return match[1] if match else None


def find_published_weights(model_name: str, backbone_name: str) -> PublishedWeights:
    """The weights that are published for a model. Raises ToolError where there are none."""
    if model_name == "ross.efficientdet":
        row = efficientdet_model_param_dict[efficientdet_config(backbone_name).model_name]
        if row["url"]:
            return _at(row["url"], "effdet's detector, trained on COCO")
        return _find_timm_backbone(f"{model_name}:{backbone_name}", row["backbone_name"])
    if model_name == YOLOV5:
        backbone = getattr(icevision_module(model_name).backbones, backbone_name)
        return _at(
            f"{YOLOV5_RELEASE}/{backbone.model_name}.pt", "YOLOv5's detector, trained on COCO"
        )
    detector = TORCHVISION_DETECTORS.get((model_name, backbone_name))
    if detector:
        url = get_model_weights(detector)["COCO_V1"].url
        return _at(url, "torchvision's detector, trained on COCO")
    url = get_model_weights(backbone_name.removesuffix("_fpn"))["IMAGENET1K_V1"].url
    return _at(url, "torchvision's backbone, trained on ImageNet")


def download(published: PublishedWeights) -> Path:
    """The file, from the network unless it was downloaded before.

    Raises ToolError, which says how to do without a network.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / published.file_name
    if path.is_file():
        return path
    print(f"downloading {published.what}: {published.url}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_WITHOUT_AN_ANSWER)
    try:
        torch.hub.download_url_to_file(
            published.url, str(path), published.sha256_prefix, progress=False
        )
    except RuntimeError as error:  # of another sha256
        raise ToolError(f"{published.url}: not the file that was published ({error})") from None
    except OSError as error:
        reason = error if isinstance(error, HTTPError) else getattr(error, "reason", error)
        raise ToolError(
            f"{urlsplit(published.url).hostname} did not give the published weights ({reason}). "
            f"Where there is a network, download {published.url} ({published.what}); then give the "
            f"file here: --pretrained {published.file_name}"
        ) from None
    finally:
        socket.setdefaulttimeout(timeout)
    return path


def _at(url: str, what: str) -> PublishedWeights:
    return PublishedWeights(url, Path(urlsplit(url).path).name, what)


def _find_timm_backbone(model: str, timm_name: str) -> PublishedWeights:
    what = f"timm's {timm_name}, trained on ImageNet"
    config = get_pretrained_cfg(timm_name)
    if config and config.url:
        return _at(config.url, what)
    if config and config.hf_hub_id:
        name = f"{config.hf_hub_id.rpartition('/')[2]}.safetensors"
        return PublishedWeights(hf_hub_url(config.hf_hub_id, "model.safetensors"), name, what)
    raise ToolError(
        f"{model}: neither effdet nor timm publishes weights of it; leave out --pretrained, or "
        "give a file of yours: --pretrained FILE"
    )
