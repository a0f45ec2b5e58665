"""Reads `data`, the inputs of a prediction as Gradio's clients send them today."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handler.bundle.manifest import Manifest
from handler.problems import BadRequest, NotFound
from handler.routes.base64_text import decode_base64
from handler.routes.gradio.schema import PARAMETERS
from handler.routes.gradio.sessions import ID
from handler.routes.parameters import boolean, number

UPLOAD_NAME = "picture"  # the file name of an upload, in its path


@dataclass(frozen=True)
class QueueInputs:
    """upload_id: of the file that the picture was read from, empty for none. labels, boxes: whether
    they are drawn."""

    image_bytes: bytes
    upload_id: str
    labels: bool
    boxes: bool
    score: float


def read_inputs(
    document: dict[str, Any], manifest: Manifest, read_upload: Callable[[str], bytes]
) -> QueueInputs:
    """A picture, whether labels and boxes are drawn, a threshold. What is left out or null is the
    default. Raises BadRequest, NotFound."""
    data = document.get("data")
    if not isinstance(data, list) or not 1 <= len(data) <= len(PARAMETERS):
        raise BadRequest(f"expected data with {', '.join(PARAMETERS)}, of which image is needed")
    defaults: list[Any] = [None, False, True, manifest.thresholds.score]
    values: list[Any] = [*data, *[None] * (len(PARAMETERS) - len(data))]
    image, labels, boxes, threshold = (
        default if value is None else value for value, default in zip(values, defaults, strict=True)
    )
    labels, boxes = boolean("labels", labels), boolean("boxes", boxes)
    score = number("threshold", threshold)
    text = (image.get("path") or image.get("url")) if isinstance(image, dict) else image
    if not isinstance(text, str):
        raise BadRequest("image must be a file: in Python handle_file(path), or a data URI")
    if text[:5].lower() == "data:":
        return QueueInputs(decode_base64(text), "", labels, boxes, score)
    if re.match(r"https?://", text):
        raise BadRequest("pictures are not fetched from URLs; give a file, and it is uploaded")
    upload_id, _, name = text.partition("/")
    if not ID.fullmatch(upload_id) or name != UPLOAD_NAME:
        raise NotFound(f"{text[:80]!r} is no upload of this API; give a file, and it is uploaded")
    return QueueInputs(read_upload(upload_id), upload_id, labels, boxes, score)
