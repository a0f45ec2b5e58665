"""Predict in tiles: detect in each tile of a grid at full resolution, and merge.

With `tiles=auto` the grid becomes finer as long as objects are clearly smaller than those the model
was trained on. A time limit bounds all of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from handler.bundle.manifest import Manifest
from handler.detection import tiling
from handler.detection.detector import (
    MAX_NEAR_MISSES,
    Detector,
    DetectorOutput,
    Thresholds,
    split_by_score,
)
from handler.detection.merging import TileDetections, merge
from handler.detection.prediction import Prediction
from handler.detection.tiling import WHOLE, Grid, Tile, Tiles
from handler.images.decode import decode
from handler.images.picture import Picture
from handler.images.statistics import flat_colour
from handler.problems import Unprocessable

_MAX_ROUNDS = 3  # a coarse pass finds only the larger objects, so refine up to three times
AFTER_LIMIT_S = 5.0  # a good picture of 64 megapixels decodes in 3 s; 12 and 5 leave 3 of 20 s


def decode_time_left(started: float, tiles_s: float) -> float:
    """Seconds left to decode in, until AFTER_LIMIT_S after the limit of the tiles.

    started: time.perf_counter() of the request's begin.
    """
    return started + tiles_s + AFTER_LIMIT_S - time.perf_counter()


def predict_in_tiles(
    whole: Prediction,
    detector: Detector,
    *,
    max_pixels: int,
    started: float,
    tiles_s: float,
    auto_s: float,
) -> Prediction:
    """Predict with the request's grid, or with the one that suits the objects.

    whole: the prediction of the picture as a whole. started: time.perf_counter() of the request's
    begin. tiles_s: limit in seconds from there. auto_s: the same for "auto", where it is shorter.

    Raises Unprocessable if the grid of the request would take too long; "auto" stops refining then.
    """
    tiles, prediction, grid = whole.request.tiles, whole, WHOLE
    picture: Picture | None = None
    for _ in range(_MAX_ROUNDS):
        next_grid = choose_grid(prediction, detector) if tiles == "auto" else tiles
        if next_grid == grid:
            break
        if picture is None:
            decode_started = time.perf_counter()
            timeout_s = decode_time_left(started, tiles_s)
            picture = _decode_full_resolution(whole, max_pixels, timeout_s)
            decode_ms = whole.decode_ms + (time.perf_counter() - decode_started) * 1000
        try:
            output = _detect_in_grid(
                whole,
                picture,
                next_grid,
                detector,
                started=started,
                tiles_s=min(tiles_s, auto_s) if tiles == "auto" else tiles_s,
            )
        except Unprocessable:
            if tiles == "auto":
                break  # the coarser prediction stands, and a warning says that it is one
            raise
        inference_ms = prediction.output.inference_ms + output.inference_ms
        output = replace(output, inference_ms=inference_ms)
        prediction = replace(prediction, output=output, decode_ms=decode_ms, grid=next_grid)
        grid = next_grid
    return prediction


def object_px(prediction: Prediction, detector: Detector) -> float | None:
    """How large the objects are in the model's input: of the picture, or of its tiles.

    By what scores above the bundle's own threshold, whatever the request's. None where nothing
    does.
    """
    found = prediction.output.above(detector.manifest.thresholds.score)
    if not len(found):
        return None
    if prediction.grid is None:
        return prediction.output.candidate_px
    picture, size = prediction.picture, detector.manifest.input
    return tiling.median_object_px(
        found, (picture.width, picture.height), (size.width, size.height), prediction.grid
    )


def tiles_by_default(setting: Tiles, manifest: Manifest) -> Tiles:
    """Tiles of a request that names none: the setting's, but none where "auto" lacks the bundle's
    training scale, which tells what is small."""
    return WHOLE if setting == "auto" and manifest.training_scale is None else setting


def target_px(detector: Detector) -> float:
    """How large objects were in the model's input when it was trained."""
    scale = detector.manifest.training_scale
    return scale.object_px if scale else tiling.DEFAULT_OBJECT_PX


def choose_grid(prediction: Prediction, detector: Detector) -> Grid:
    """The grid that suits the objects better than the prediction's own, or that one.

    Where nothing is found, finer tiles are tried once, and only if something nearly was: on an
    empty picture a pass in tiles costs seconds and finds what is not there.
    """
    grid = prediction.grid or WHOLE
    found_px = object_px(prediction, detector)
    if found_px is None and (prediction.grid or not _nearly_found(prediction, detector)):
        return grid
    picture, size = prediction.picture, detector.manifest.input
    return tiling.choose_grid(
        (picture.width, picture.height),
        (size.width, size.height),
        grid,
        found_px,
        target_px(detector),
    )


def _nearly_found(prediction: Prediction, detector: Detector) -> bool:
    """Whether a near miss scores above half the bundle's threshold, on a picture that is not of
    one colour."""
    almost = prediction.output.above(detector.manifest.thresholds.score / 2)
    return len(almost) > 0 and not flat_colour(prediction.output.content)


def _decode_full_resolution(whole: Prediction, max_pixels: int, timeout_s: float) -> Picture:
    """The picture, decoded again if it was reduced."""
    picture = whole.picture
    if not picture.is_reduced:
        return picture
    return decode(whole.request.image_bytes, max_pixels=max_pixels, timeout_s=timeout_s)


def _detect_in_grid(
    whole: Prediction,
    picture: Picture,
    grid: Grid,
    detector: Detector,
    *,
    started: float,
    tiles_s: float,
) -> DetectorOutput:
    """The merged output of a grid's tiles and of the whole picture. Raises Unprocessable."""
    size, thresholds = (picture.width, picture.height), whole.request.thresholds
    tiles = tiling.make_tiles(*size, grid)
    large = tiling.select_large(whole.output.all, (tiles[0].width, tiles[0].height))
    parts = [TileDetections(Tile(0, 0, *size), large)]
    inference_ms, dropped, grid_started = 0.0, whole.output.dropped, time.perf_counter()
    own = detector.manifest.thresholds
    has_all = whole.output.has_all_above(own.score, thresholds)
    with contextlib.closing(_detect_in_tiles(tiles, picture, thresholds, detector)) as outputs:
        for done, (tile, output) in enumerate(zip(tiles, outputs, strict=True), 1):
            detections = output.all
            offset = np.array([tile.left, tile.top] * 2, np.float32)
            detections = replace(detections, boxes=detections.boxes + offset)
            parts.append(TileDetections(tile, detections))
            inference_ms += output.inference_ms / detector.threads  # they run side by side
            dropped += output.dropped
            has_all &= output.has_all_above(own.score, thresholds)
            elapsed_s = time.perf_counter() - grid_started
            needed_s = grid_started - started + elapsed_s / done * len(tiles)
            if needed_s > tiles_s and done < len(tiles):
                raise Unprocessable(
                    f"{grid.columns}x{grid.rows} tiles of this picture would take about "
                    f"{needed_s:.0f} s, {tiles_s:.0f} at most; ask for fewer tiles, or send a "
                    "smaller picture"
                )
    merged = merge(
        parts,
        size,
        iou_threshold=thresholds.iou,
        max_detections=thresholds.max_detections + MAX_NEAR_MISSES,
    )
    # The whole picture's content, so that records compare whatever the tiles.
    made = DetectorOutput(
        *split_by_score(merged, thresholds), whole.output.content, inference_ms, dropped
    )
    if not (has_all and made.has_all_above(own.score, thresholds)):
        return made
    return replace(made, above_model=min(len(made.above(own.score)), own.max_detections))


def _detect_in_tiles(
    tiles: Sequence[Tile], picture: Picture, thresholds: Thresholds, detector: Detector
) -> Generator[DetectorOutput, None, None]:
    """The output for each tile, in order; boxes are in px of the tile.

    The graph takes one picture at a time. With several threads as many tiles run side by side,
    which takes 0.6 of the time of all threads on one tile after the other (640 px, two threads).
    No more tiles than threads are in memory.
    """

    def detect(tile: Tile) -> DetectorOutput:
        return detector.detect(picture.crop(*tile), thresholds, looks_below=False)

    if detector.threads == 1:
        yield from map(detect, tiles)
        return
    from concurrent.futures import ThreadPoolExecutor  # imported late: most requests need none

    pool = ThreadPoolExecutor(detector.threads)
    try:
        yield from pool.map(detect, tiles)
    finally:
        pool.shutdown(cancel_futures=True)
