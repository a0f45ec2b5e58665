"""From an encoded picture to a prediction: decode, letterbox, detect, if asked again in tiles."""

from __future__ import annotations

import time
from dataclasses import replace

from handler.detection.detector import Detector, DetectorOutput
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiled import decode_time_left, predict_in_tiles
from handler.detection.tiling import WHOLE
from handler.images.decode import decode
from handler.images.picture import Picture
from handler.images.statistics import flat_colour

_FLAT = {"black": "black", "white": "white", "grey": "one grey", "colour": "one colour"}
TILES_S = 12.0  # limit for a prediction in tiles; the function's timeout is 20 s


def predict(
    request: PredictRequest, *, detector: Detector, max_pixels: int, tiles_s: float = TILES_S
) -> Prediction:
    """Decode the picture and detect in it; then in tiles at full resolution, if asked for.

    tiles_s: limit in seconds for all of it, by which tiles are refused or refined no further, and
    soon after which decoding is given up. For a picture of a list it is what the list has left, so
    that one deadline covers all decoding of a request.

    Raises UnsupportedImage, Undecodable or TooManyPixels for the bytes, and Unprocessable if the
    tiles would take too long.
    """
    started = time.perf_counter()
    picture = decode(
        request.image_bytes,
        max_pixels=max_pixels,
        min_frame=detector.min_frame,
        timeout_s=decode_time_left(started, tiles_s),
    )
    decode_ms = (time.perf_counter() - started) * 1000
    output = detector.detect(picture, request.thresholds)
    classes = tuple(detector.manifest.classes)
    prediction = Prediction(request, picture, output, classes, decode_ms)
    if request.tiles != WHOLE:
        prediction = predict_in_tiles(
            prediction, detector, max_pixels=max_pixels, started=started, tiles_s=tiles_s
        )
    return replace(prediction, warnings=_warnings(picture, prediction.output))


def _warnings(picture: Picture, output: DetectorOutput) -> tuple[str, ...]:
    """What the decoder says of the picture, whether there is anything on it, and what the model
    got wrong."""
    sentences = list(picture.notes)
    if name := flat_colour(output.content):
        question = ""
        if name == "black" and picture.format in ("PNG", "TIFF"):
            question = ": 12-bit values in a 16-bit file?"
        elif name == "white":
            question = ": overexposed, or transparent?"
        sentences.append(f"the picture is almost {_FLAT[name]}{question}")
    if output.dropped:
        sentences.append(
            f"the model gave {output.dropped} impossible detections (NaN, infinite, inverted, off "
            "the picture or of no class), which are left out; the model is to blame"
        )
    return tuple(sentences)
