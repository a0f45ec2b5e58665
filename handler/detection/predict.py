"""From an encoded picture to a prediction: decode, letterbox, detect, if asked again in tiles."""

from __future__ import annotations

import time

from handler.detection.detector import Detector
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiled import predict_in_tiles
from handler.detection.tiling import WHOLE
from handler.images.decode import decode

TILES_S = 12.0  # limit for a prediction in tiles; the function's timeout is 20 s


def predict(
    request: PredictRequest, *, detector: Detector, max_pixels: int, tiles_s: float = TILES_S
) -> Prediction:
    """Decode the picture and detect in it; then in tiles at full resolution, if asked for.

    tiles_s: limit in seconds for all of it, by which tiles are refused or refined no further.

    Raises UnsupportedImage, Undecodable or TooManyPixels for the bytes, and Unprocessable if the
    tiles would take too long.
    """
    started = time.perf_counter()
    picture = decode(request.image_bytes, max_pixels=max_pixels, min_frame=detector.min_frame)
    decode_ms = (time.perf_counter() - started) * 1000
    output = detector.detect(picture, request.thresholds)
    classes = tuple(detector.manifest.classes)
    prediction = Prediction(request, picture, output, classes, decode_ms)
    if request.tiles == WHOLE:
        return prediction
    return predict_in_tiles(
        prediction, detector, max_pixels=max_pixels, started=started, tiles_s=tiles_s
    )
