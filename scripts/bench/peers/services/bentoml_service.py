"""BentoML: `bentoml serve bentoml_service:Detection`."""

from __future__ import annotations

from typing import Any

import bentoml
from detection import Detector
from PIL import Image


@bentoml.service(workers=1)
class Detection:
    def __init__(self) -> None:
        self.detector = Detector()

    @bentoml.api
    def detect(self, image: Image.Image) -> dict[str, Any]:
        return self.detector.detect(image)
