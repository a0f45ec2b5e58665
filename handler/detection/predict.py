"""A picture's bytes and thresholds in, a Prediction out: the whole story in one function."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from handler.detection import tiling
from handler.detection.detector import MAX_NEAR_MISSES, Detector, DetectorOutput, Thresholds
from handler.detection.prediction import Prediction, PredictRequest
from handler.detection.tiling import WHOLE, Grid, Tile, TileDetections
from handler.images.decode import Picture, decode
from handler.problems import Unprocessable

TILES_S = 12.0  # within which all tiles are looked at; the function has 20
_ROUNDS = 3  # of ever finer tiles: what is found of objects too small is the larger ones


def predict(
    ask: PredictRequest, *, detector: Detector, max_pixels: int, tiles_s: float = TILES_S
) -> Prediction:
    """Decode, letterbox, detect; then again in tiles at full resolution, where they are asked for.

    tiles_s: seconds for all of it, as far as tiles decide.

    Raises UnsupportedImage, Undecodable, TooManyPixels where the bytes are at fault, and
    Unprocessable where the tiles asked for would take too long.
    """
    started = time.perf_counter()
    picture = decode(ask.image_bytes, max_pixels=max_pixels, at_least=detector.at_least)
    decode_ms = (time.perf_counter() - started) * 1000
    found = detector.detect(picture, ask.thresholds)
    whole = Prediction(ask, picture, found, tuple(detector.manifest.classes), decode_ms)
    if ask.tiles == WHOLE:
        return whole
    return _in_tiles(whole, detector, max_pixels=max_pixels, started=started, tiles_s=tiles_s)


def _in_tiles(
    whole: Prediction, detector: Detector, *, max_pixels: int, started: float, tiles_s: float
) -> Prediction:
    """The tiles asked for; or, with "auto", ever finer ones as long as what is found is clearly
    smaller than what the model was trained on."""
    ask, made, grid = whole.request, whole, WHOLE
    full: Picture | None = None
    for _ in range(_ROUNDS):
        wanted = _choose(made, grid, detector) if ask.tiles == "auto" else ask.tiles
        if wanted == grid:
            break
        if full is None:
            before = time.perf_counter()
            full = _full(whole, max_pixels)
            decode_ms = whole.decode_ms + (time.perf_counter() - before) * 1000
        try:
            found = _look(whole, full, wanted, detector, started=started, tiles_s=tiles_s)
        except Unprocessable:
            if ask.tiles == "auto":
                break  # the coarser answer stands
            raise
        inference_ms = made.output.inference_ms + found.inference_ms
        made = replace(
            made,
            output=replace(found, inference_ms=inference_ms),
            decode_ms=decode_ms,
            grid=wanted,
        )
        grid = wanted
    return made


def _full(whole: Prediction, max_pixels: int) -> Picture:
    """The picture at its full resolution, decoded again where it was reduced."""
    picture = whole.picture
    if picture.rgb.shape[:2] == (picture.height, picture.width):
        return picture
    return decode(whole.request.image_bytes, max_pixels=max_pixels)


def _look(
    whole: Prediction,
    full: Picture,
    grid: Grid,
    detector: Detector,
    *,
    started: float,
    tiles_s: float,
) -> DetectorOutput:
    """What all tiles of a grid make together."""
    size, thresholds = (full.width, full.height), whole.request.thresholds
    places = tiling.layout(*size, grid)
    large = tiling.too_large(whole.output.all, (places[0].width, places[0].height))
    pieces = [TileDetections(Tile(0, 0, *size), large)]
    inference_ms, begun = 0.0, time.perf_counter()
    with contextlib.closing(_each(places, full, thresholds, detector)) as parts:
        for done, (tile, part) in enumerate(zip(places, parts, strict=True), 1):
            every = part.all
            corner = np.array([tile.left, tile.top] * 2, np.float32)
            pieces.append(TileDetections(tile, replace(every, boxes=every.boxes + corner)))
            inference_ms += part.inference_ms / detector.threads  # they go on side by side
            now = time.perf_counter()
            needed = begun - started + (now - begun) / done * len(places)
            if needed > tiles_s and done < len(places):
                raise Unprocessable(
                    f"{grid.columns}x{grid.rows} tiles of this picture would take about "
                    f"{needed:.0f} s, {tiles_s:.0f} at most; ask for fewer tiles, or send a "
                    "smaller picture"
                )
    most = thresholds.max_detections + MAX_NEAR_MISSES
    merged = tiling.merge(pieces, size, iou=thresholds.iou, most=most)
    shown = int(np.count_nonzero(merged.scores > thresholds.score))
    return DetectorOutput(
        detections=merged.select(slice(0, min(shown, thresholds.max_detections))),
        near_misses=merged.select(slice(shown, shown + MAX_NEAR_MISSES)),
        content=whole.output.content,  # so that records compare, whatever the tiles
        inference_ms=inference_ms,
    )


def _each(
    places: Sequence[Tile], full: Picture, thresholds: Thresholds, detector: Detector
) -> Generator[DetectorOutput, None, None]:
    """What is found in each tile, in their order.

    The graph's input is of one picture. On one thread tiles come one after the other, on several as
    many at a time: in 0.6 of the time that as many threads take over one tile after the other (640
    px, two threads). No more of them are in memory at once.
    """

    def look(tile: Tile) -> DetectorOutput:
        rgb = full.rgb[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        part = replace(full, rgb=rgb, width=tile.width, height=tile.height)
        return detector.detect(part, thresholds)

    if detector.threads == 1:
        yield from map(look, places)
        return
    from concurrent.futures import ThreadPoolExecutor  # most requests need none

    pool = ThreadPoolExecutor(detector.threads)
    try:
        yield from pool.map(look, places)
    finally:
        pool.shutdown(cancel_futures=True)


def _choose(made: Prediction, grid: Grid, detector: Detector) -> Grid:
    """Judged by what the model itself calls a detection, whatever the request's threshold."""
    manifest = detector.manifest
    sure = made.output.above(manifest.thresholds.score)
    picture = (made.picture.width, made.picture.height)
    model_input = (manifest.input.width, manifest.input.height)
    scale = manifest.training_scale
    return tiling.choose_grid(
        picture,
        model_input,
        grid,
        tiling.object_px(sure, picture, model_input, grid),
        scale.object_px if scale else tiling.OBJECT_PX,
    )
