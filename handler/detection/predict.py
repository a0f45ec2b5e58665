"""From an encoded picture to a prediction: decode, letterbox, detect, if asked again in tiles."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from handler.detection.detector import Detector, DetectorOutput
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiled import (
    choose_grid,
    decode_time_left,
    object_px,
    predict_in_tiles,
    target_px,
)
from handler.detection.tiling import WHOLE, are_small
from handler.images.decode import decode
from handler.images.picture import Picture
from handler.images.statistics import flat_colour

_FLAT = {"black": "black", "white": "white", "grey": "one grey", "colour": "one colour"}
# Pictures this many times the model's input may be full of objects of which it sees no trace, by
# which finer tiles would be chosen: a fifth of the size that it was trained on is too small.
_FAR = 8.0
TILES_S = 12.0  # limit for a prediction in tiles; the function's timeout is 20 s


def predict(
    request: PredictRequest,
    *,
    detector: Detector,
    max_pixels: int,
    tiles_s: float = TILES_S,
    auto_s: float = math.inf,
) -> Prediction:
    """Decode the picture and detect in it; then in tiles at full resolution, if asked for or, with
    "auto", if its objects are small.

    tiles_s: limit in seconds for all of it, by which tiles are refused or refined no further, and
    soon after which decoding is given up. For a picture of a list it is what the list has left, so
    that one deadline covers all decoding of a request. auto_s: the same limit for the tiles of
    "auto" alone, where that is shorter.

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
            prediction,
            detector,
            max_pixels=max_pixels,
            started=started,
            tiles_s=tiles_s,
            auto_s=auto_s,
        )
    found_px = object_px(prediction, detector)
    # Without a training scale nobody knows what is small: no warning is better than a guess.
    has_small = detector.manifest.training_scale is not None and are_small(
        found_px, target_px(detector)
    )
    sentences = _warnings(picture, prediction.output)
    if found_px is not None and has_small:
        sentences += (_say_small(prediction, detector, found_px),)
    elif detector.manifest.training_scale is not None and prediction.grid is None:
        sentences += _say_unseen(picture, detector)
    if _is_cut(prediction, detector):
        limit = request.thresholds.max_detections
        sentences += (
            f"there are {limit} detections, as many as max_detections allows: there may be more on "
            "the picture",
        )
    return replace(prediction, has_small_objects=has_small, warnings=sentences)


def _say_small(prediction: Prediction, detector: Detector, found_px: float) -> str:
    """That objects are small, and what to do about it."""
    said = (
        f"the objects are smaller than those that the model was trained on (about {found_px:.0f} "
        f"px in its input, not {target_px(detector):.0f}), so it misses many: "
    )
    finer = choose_grid(prediction, detector)
    if finer == (prediction.grid or WHOLE):
        return said + "take them larger, at a higher magnification"
    if prediction.request.tiles != "auto":
        return said + "ask with tiles=auto"
    return said + (
        f"{finer.columns} x {finer.rows} tiles would find more, but take too long here; send parts "
        "of the picture, each by itself"
    )


def _say_unseen(picture: Picture, detector: Detector) -> tuple[str, ...]:
    """That small objects would leave no trace on a picture as large as this."""
    size = detector.manifest.input
    times = max(picture.width / size.width, picture.height / size.height)
    if times < _FAR:
        return ()
    return (
        f"the picture has {times:.0f} times the size of the model's input: what is smaller than "
        f"about {target_px(detector) / 4 * times:.0f} px on it is not seen; if there are such "
        "objects, ask with tiles=4x4, or send parts of the picture",
    )


def _is_cut(prediction: Prediction, detector: Detector) -> bool:
    """Whether detections may be missing for a maximum that no client chose to be small."""
    limit = prediction.request.thresholds.max_detections
    own = detector.manifest.thresholds.max_detections
    return limit >= own and len(prediction.detections) >= limit


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
