"""The predictor that every detection route calls; it notes predictions for their records."""

from __future__ import annotations

from handler.bundle.manifest import Manifest
from handler.detection.detector import Detector
from handler.detection.predict import TILES_S, predict
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiled import tiles_by_default
from handler.detection.tiling import Tiles
from handler.invocation import Invocation


class Predictor:
    """Made once, at INIT. max_pixels: of a picture's upright original. default_tiles: of requests
    that name none, as the deployment is set; "auto" needs the bundle's training scale."""

    def __init__(self, detector: Detector, max_pixels: int, default_tiles: Tiles) -> None:
        self.detector, self.max_pixels = detector, max_pixels
        self.default_tiles = tiles_by_default(default_tiles, detector.manifest)

    @property
    def manifest(self) -> Manifest:
        return self.detector.manifest

    def predict(
        self,
        request: PredictRequest,
        invocation: Invocation,
        *,
        tiles_s: float = TILES_S,
        auto_s: float = TILES_S,
    ) -> Prediction:
        """Predict, and note request and prediction on the invocation for its record.

        Raises what detection.predict raises.
        """
        invocation.request = request
        prediction = predict(
            request,
            detector=self.detector,
            max_pixels=self.max_pixels,
            tiles_s=tiles_s,
            auto_s=auto_s,
        )
        invocation.prediction = prediction
        return prediction
