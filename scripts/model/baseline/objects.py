"""Fewer and more objects: labelled ones are painted over with their surroundings, or pasted again
elsewhere in their picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from scripts.model.baseline.scene import Scene

_MARGIN = 0.12  # of a box's longer side, around it: halos and loose labels
_MAX_HIDDEN = 0.25  # of an object that stays labelled
_TRIES = 40


def remove_objects(scene: Scene, share: float, rng: np.random.Generator) -> Scene:
    """Paint over a share of the objects with the best fitting patch near by.

    An object that no free patch fits is filled smoothly from its border. Objects that lie over one
    another go together: half an object that is still labelled says nothing of the model.
    """
    is_removed = _choose(scene, share, rng)
    rgb = scene.rgb.copy()
    taken = _mask(scene)
    for box in scene.boxes[is_removed]:
        _paint_over(rgb, box, taken, rng)
    return replace(scene, rgb=rgb).select(~is_removed)


def fill_objects(scene: Scene, share: float, rng: np.random.Generator) -> Scene:
    """The same by another way: a smooth continuation of what surrounds the objects, with noise."""
    is_removed = _choose(scene, share, rng)
    hole = _mask(scene.select(is_removed))
    if not hole.any():
        return scene
    known = Image.fromarray((~hole).astype(np.float32))
    height, width = hole.shape
    small = (max(width // 8, 1), max(height // 8, 1))
    sigma = max(small) / 60
    weight = ndimage.gaussian_filter(np.asarray(known.resize(small)), sigma) + 1e-6
    rgb = scene.rgb.astype(np.float32)
    for channel in range(3):
        seen = Image.fromarray(np.where(hole, np.float32(0), rgb[..., channel])).resize(small)
        smooth = Image.fromarray(ndimage.gaussian_filter(np.asarray(seen), sigma) / weight)
        fill = np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR))
        rgb[..., channel][hole] = fill[hole] + rng.normal(0, 1.5, hole.sum())
    return scene.with_pixels(rgb).select(~is_removed)


def add_objects(
    scene: Scene, ratio: float, rng: np.random.Generator, *, is_mirrored: bool = False
) -> Scene:
    """Paste copies of the objects at places of a like background, until there are `ratio` times as
    many, as far as there is room. is_mirrored: turn the copies by a half turn.

    Only objects that lie alone are copied: a copy would bring its neighbours along unlabelled.
    """
    hidden = _hidden(scene)
    np.fill_diagonal(hidden, 0)
    (alone,) = np.nonzero(~hidden.any(axis=1))
    rgb, taken = scene.rgb.copy(), _mask(scene)
    boxes, labels = list(scene.boxes), list(scene.labels)
    for _ in range(round((ratio - 1) * len(scene.boxes)) if len(alone) else 0):
        index = int(rng.choice(alone))
        place = _paste(rgb, scene.rgb, scene.boxes[index], taken, rng, is_mirrored)
        if place is not None:
            boxes.append(place)
            labels.append(scene.labels[index])
    return replace(scene, rgb=rgb, boxes=np.array(boxes).reshape(-1, 4), labels=tuple(labels))


def _choose(scene: Scene, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which objects to remove, bool (N,): each with a probability of `share`, together with those
    that its hole hides."""
    hidden = _hidden(scene)
    count, group = connected_components(hidden > _MAX_HIDDEN, directed=False)
    is_removed: NDArray[np.bool_] = (rng.random(count) < share)[group]
    while True:  # several holes may hide what none hides alone
        is_hidden = hidden[is_removed].sum(axis=0) > _MAX_HIDDEN
        if not (is_hidden & ~is_removed).any():
            return is_removed
        is_removed = is_removed | is_hidden


def _hidden(scene: Scene) -> NDArray[np.float64]:
    """How much of each box the hole of each object covers, 0..1, float64 (N holes, N boxes)."""
    holes = np.array([_grow(box, scene.rgb.shape) for box in scene.boxes], np.float64)
    holes = holes.reshape(-1, 1, 4)
    low = np.maximum(holes[..., :2], scene.boxes[:, :2])
    high = np.minimum(holes[..., 2:], scene.boxes[:, 2:])
    areas = (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1)
    covered: NDArray[np.float64] = (high - low).clip(0).prod(axis=2) / np.maximum(areas, 1e-9)
    return covered


def _grow(box: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    margin = _MARGIN * (box[2:] - box[:2]).max() + 2
    x0, y0 = np.floor(box[:2] - margin).astype(int).clip(0)
    x1, y1 = np.ceil(box[2:] + margin).astype(int)
    return int(x0), int(y0), min(int(x1), shape[1]), min(int(y1), shape[0])


def _mask(scene: Scene) -> NDArray[np.bool_]:
    """Where objects are, bool (h, w)."""
    mask = np.zeros(scene.rgb.shape[:2], bool)
    for x0, y0, x1, y1 in (_grow(box, scene.rgb.shape) for box in scene.boxes):
        mask[y0:y1, x0:x1] = True
    return mask


def _feather(height: int, width: int) -> NDArray[np.float32]:
    """Weights of a patch: 1 inside, falling to 0 over its border; float32 (h, w, 1)."""
    border = max(2.0, 0.12 * min(height, width))
    y = np.minimum(np.arange(height) + 1, np.arange(height)[::-1] + 1) / border
    x = np.minimum(np.arange(width) + 1, np.arange(width)[::-1] + 1) / border
    return np.minimum(np.minimum(y[:, None], x[None, :]), 1).astype(np.float32)[..., None]


def _border(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The outermost pixels of a patch, float32 (n, 3)."""
    edges = (patch[0], patch[-1], patch[:, 0], patch[:, -1])
    return np.concatenate([edge.astype(np.float32) for edge in edges])


def _paint_over(
    rgb: NDArray[np.uint8],
    box: NDArray[np.float64],
    taken: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    x0, y0, x1, y1 = _grow(box, rgb.shape)
    height, width = y1 - y0, x1 - x0
    target = rgb[y0:y1, x0:x1]
    border = _border(target)
    best, best_cost = None, np.inf
    for _ in range(_TRIES):
        reach = 3 * max(height, width)
        x = int(np.clip(x0 + rng.integers(-reach, reach + 1), 0, rgb.shape[1] - width))
        y = int(np.clip(y0 + rng.integers(-reach, reach + 1), 0, rgb.shape[0] - height))
        if taken[y : y + height, x : x + width].any():
            continue
        patch = rgb[y : y + height, x : x + width]
        cost = float(np.abs(_border(patch) - border).mean())
        if cost < best_cost:
            best, best_cost = patch.astype(np.float32), cost
    if best is None:
        best = np.broadcast_to(np.median(border, axis=0), target.shape).astype(np.float32)
    weight = _feather(height, width)
    rgb[y0:y1, x0:x1] = (weight * best + (1 - weight) * target + 0.5).astype(np.uint8)


def _paste(
    rgb: NDArray[np.uint8],
    original: NDArray[np.uint8],
    box: NDArray[np.float64],
    taken: NDArray[np.bool_],
    rng: np.random.Generator,
    is_mirrored: bool,
) -> NDArray[np.float64] | None:
    """Paste the object at a free place; its new box, or None where there is no room."""
    x0, y0, x1, y1 = _grow(box, rgb.shape)
    height, width = y1 - y0, x1 - x0
    source = original[y0:y1, x0:x1].astype(np.float32)
    ground = np.median(_border(original[y0:y1, x0:x1]), axis=0)
    moved = np.array([x0, y0, x0, y0])
    if is_mirrored:
        source = source[::-1, ::-1]
        corners = np.array([x0 + x1, y0 + y1] * 2) - box
        box = corners[[2, 3, 0, 1]]
    for _ in range(_TRIES):
        x = int(rng.integers(0, rgb.shape[1] - width + 1))
        y = int(rng.integers(0, rgb.shape[0] - height + 1))
        if taken[y : y + height, x : x + width].any():
            continue
        target = rgb[y : y + height, x : x + width]
        border = _border(target)
        shift = np.median(border, axis=0) - ground
        if np.abs(shift).max() > 20 or border.std(axis=0).max() > 20:
            continue  # another ground: beyond a field's edge, or on something unlabelled
        weight = _feather(height, width)
        blend = weight * (source + shift) + (1 - weight) * target
        rgb[y : y + height, x : x + width] = (np.clip(blend, 0, 255) + 0.5).astype(np.uint8)
        taken[y : y + height, x : x + width] = True
        return box - moved + np.array([x, y, x, y])
    return None
