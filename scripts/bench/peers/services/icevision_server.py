# ruff: noqa: I001  (the shims come before icevision)
"""IceVision's own `end2end_detect` on the checkpoint, in PyTorch, behind Python's HTTP server.

    python icevision_server.py PORT

IceVision has no server, and the training environment has no web framework; this adds about a
millisecond.
"""

from __future__ import annotations

import io
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import scripts.model.icevision  # noqa: F401  (before torchvision and icevision)
import torch
from icevision.all import ClassMap, tfms
from PIL import Image

from scripts.model.icevision.checkpoint import load_checkpoint
from scripts.model.icevision.families import icevision_module

torch.set_num_threads(1)
torch.set_num_interop_threads(1)
# end2end_detect reads a picture's shape, which fastai gives to Pillow's pictures
Image.Image.shape = property(lambda image: image.size)

checkpoint = load_checkpoint(Path(os.environ["CHECKPOINT"]))
module = icevision_module(checkpoint.model_name)
class_map = ClassMap(list(checkpoint.classes))
transforms = tfms.A.Adapter(
    [
        *tfms.A.resize_and_pad(checkpoint.width),
        tfms.A.Normalize(mean=checkpoint.mean, std=checkpoint.std),
    ]
)


def detect(image: Image.Image) -> dict[str, Any]:
    found = module.end2end_detect(
        image.convert("RGB"),
        transforms,
        checkpoint.model,
        class_map,
        detection_threshold=float(os.environ["SCORE_THRESHOLD"]),
        return_img=False,
    )["detection"]
    detections = [
        {"label": label, "score": float(score), "box": [float(side) for side in box.xyxy]}
        for label, score, box in zip(found["labels"], found["scores"], found["bboxes"], strict=True)
    ]
    return {"count": len(detections), "detections": detections}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        picture = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(detect(Image.open(io.BytesIO(picture)))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
