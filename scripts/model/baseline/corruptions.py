"""Known causes of a change, planted into labelled pictures: each gives the reference a signature.

A corruption changes a scene, or the model that looks at it. Everything else stays as it was: the
file's size, format and quality, and the labels move along. What a monitor is tried on is planted
by other means, in scripts.model.baseline.planted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from handler.bundle.manifest import Manifest
from handler.images.decode import decode
from scripts.model.baseline.foreign import draw_foreign
from scripts.model.baseline.objects import add_objects, remove_objects
from scripts.model.baseline.scene import MAX_PIXELS, Encoding, Scene, encode
from scripts.model.baseline.weights import add_weight_noise, coarsen_weights

ChangeScene = Callable[[Scene, float, np.random.Generator], Scene]
DrawForeign = Callable[[np.random.Generator, int, int], NDArray[np.uint8]]
ChangeModel = Callable[[Manifest, bytes, float, np.random.Generator], tuple[Manifest, bytes]]


@dataclass(frozen=True)
class Corruption:
    """One way to change pictures or the model.

    cause: as in scripts.monitor.result. strengths: weak to strong. One of change_scene and
    change_model is set, or none where pictures are only chosen.
    """

    name: str
    cause: str
    strengths: tuple[float, ...]
    change_scene: ChangeScene | None = None
    change_model: ChangeModel | None = None


def scale_light(scene: Scene, gains: Sequence[float]) -> Scene:
    """Light of each channel (that is, sRGB values made linear) times its gain, clipped."""
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    light = np.clip(linear * np.reshape(gains, (3, 1)), 0, 1)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    tables = (255 * srgb + 0.5).astype(np.uint8)  # (3, 256)
    return scene.with_pixels(np.stack([tables[c][scene.rgb[..., c]] for c in range(3)], axis=2))


def change_exposure(scene: Scene, gain: float, rng: np.random.Generator) -> Scene:
    """More or less light, clipped where it is too much."""
    return scale_light(scene, (gain, gain, gain))


def defocus(scene: Scene, permille: float, rng: np.random.Generator) -> Scene:
    """A Gaussian blur; its standard deviation in thousandths of the longer side."""
    sigma = permille / 1000 * max(scene.rgb.shape[:2])
    return scene.with_pixels(
        np.asarray(Image.fromarray(scene.rgb).filter(ImageFilter.GaussianBlur(sigma)))
    )


def add_noise(scene: Scene, levels: float, rng: np.random.Generator) -> Scene:
    """White noise of this standard deviation, in each channel, in 255 levels."""
    noise = rng.standard_normal(scene.rgb.shape, np.float32) * np.float32(levels)
    return scene.with_pixels(scene.rgb + noise)


def rescale(scene: Scene, factor: float, rng: np.random.Generator) -> Scene:
    """Objects of another size in a frame of the same: above 1 the middle of the picture, enlarged;
    below 1 the picture made smaller, continued by its mirror image."""
    height, width = scene.rgb.shape[:2]
    if factor < 1:
        scene = _with_mirrored_border(scene, (1 / factor - 1) / 2)
    total_height, total_width = scene.rgb.shape[:2]
    crop_width, crop_height = width / factor, height / factor
    left, top = (total_width - crop_width) / 2, (total_height - crop_height) / 2
    return crop_and_resize(
        scene, (left, top, left + crop_width, top + crop_height), (width, height),
        Image.Resampling.BICUBIC,
    )  # fmt: skip


def crop_and_resize(
    scene: Scene,
    window: tuple[float, float, float, float],
    size: tuple[int, int],
    resample: Image.Resampling,
) -> Scene:
    """A window (xyxy in px) of the scene as a picture of `size` (width, height).

    Objects of which less than a third is left are no longer labelled.
    """
    image = Image.fromarray(scene.rgb)
    rgb = np.asarray(image.resize(size, resample, box=window, reducing_gap=None))
    boxes = (scene.boxes - [window[0], window[1]] * 2) * (
        [size[0] / (window[2] - window[0]), size[1] / (window[3] - window[1])] * 2
    )
    clipped = boxes.clip(0, [*size, *size])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    seen = (clipped[:, 2:] - clipped[:, :2]).prod(1)
    return replace(scene, rgb=rgb, boxes=clipped).select(seen > area / 3)


def recompress(scene: Scene, quality: float, rng: np.random.Generator) -> Scene:
    """A JPEG of this quality, 1..100."""
    return replace(scene, encoding=Encoding("JPEG", None, 2, int(quality)))


def compress_before(scene: Scene, quality: float, rng: np.random.Generator) -> Scene:
    """A JPEG of this quality, opened and saved again as the original was."""
    rgb = decode(encode(scene.rgb, Encoding("JPEG", None, 2, int(quality))), max_pixels=MAX_PIXELS)
    return scene.with_pixels(np.asarray(rgb.rgb))


def cast_colour(gains: tuple[float, float, float]) -> ChangeScene:
    """White balance: light of each channel times 1 + strength x gain."""

    def change(scene: Scene, strength: float, rng: np.random.Generator) -> Scene:
        return scale_light(scene, [1 + strength * gain for gain in gains])

    return change


def replace_share(draw: DrawForeign) -> ChangeScene:
    """A share of the pictures shows nothing that the model knows, but what `draw` draws."""

    def change(scene: Scene, share: float, rng: np.random.Generator) -> Scene:
        if rng.random() >= share:
            return scene
        rgb = draw(rng, *scene.rgb.shape[:2])
        return replace(scene, rgb=rgb).select(np.zeros(len(scene.boxes), bool))

    return change


def change_frame(scene: Scene, aspect: float, longer_px: int, resample: Image.Resampling) -> Scene:
    """The middle of the scene in a frame of another aspect ratio (width by height) and size."""
    height, width = scene.rgb.shape[:2]
    crop_width, crop_height = min(width, height * aspect), min(height, width / aspect)
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    window = (left, top, left + crop_width, top + crop_height)
    size = (
        (longer_px, round(longer_px / aspect))
        if aspect >= 1
        else (round(longer_px * aspect), longer_px)
    )
    return crop_and_resize(scene, window, size, resample)


def use_other_camera(scene: Scene, aspect: float, rng: np.random.Generator) -> Scene:
    """A frame of another aspect ratio and of 1,024 px, less finely compressed."""
    return recompress(change_frame(scene, aspect, 1024, Image.Resampling.LANCZOS), 85, rng)


def worsen_model(
    manifest: Manifest, onnx_bytes: bytes, strength: float, rng: np.random.Generator
) -> tuple[Manifest, bytes]:
    """Noise on all weights; its standard deviation as a fraction of each tensor's own."""
    return manifest, add_weight_noise(onnx_bytes, strength, rng)


def coarsen_model(
    manifest: Manifest, onnx_bytes: bytes, steps: float, rng: np.random.Generator
) -> tuple[Manifest, bytes]:
    """Weights rounded to so many steps, as by a conversion to few bits without calibration."""
    return manifest, coarsen_weights(onnx_bytes, steps, rng)


def move_threshold(
    manifest: Manifest, onnx_bytes: bytes, step: float, rng: np.random.Generator
) -> tuple[Manifest, bytes]:
    """The model's own score threshold, moved by a step."""
    floor = manifest.thresholds.score_floor
    score = min(max(manifest.thresholds.score + step, floor), 0.95)
    thresholds = manifest.thresholds._replace(score=score)
    return manifest._replace(thresholds=thresholds), onnx_bytes


def _with_mirrored_border(scene: Scene, share: float) -> Scene:
    """A border of mirrored pixels and objects, a share of each side wide."""
    height, width = scene.rgb.shape[:2]
    rows, columns = int(np.ceil(share * height)), int(np.ceil(share * width))
    rgb = np.pad(scene.rgb, ((rows, rows), (columns, columns), (0, 0)), mode="symmetric")
    inner = scene.boxes
    at_start, at_end = inner[:, :2] <= 1, inner[:, 2:] >= [width - 1, height - 1]  # (N, 2) of x, y
    # What the edge cuts becomes one object with its mirror image.
    whole = inner.copy()
    whole[:, :2] = np.where(at_start, -inner[:, 2:], inner[:, :2])
    whole[:, 2:] = np.where(at_end, 2 * np.array([width, height]) - inner[:, :2], inner[:, 2:])
    boxes, labels = [], []
    for across in (-1, 0, 1):
        for down in (-1, 0, 1):
            tile, is_new = whole.copy(), np.ones(len(whole), bool)
            if across:  # mirrored at the left or right edge
                edge = 0 if across < 0 else width
                tile[:, [0, 2]] = 2 * edge - tile[:, [2, 0]]
                is_new &= ~(at_start if across < 0 else at_end)[:, 0]
            if down:
                edge = 0 if down < 0 else height
                tile[:, [1, 3]] = 2 * edge - tile[:, [3, 1]]
                is_new &= ~(at_start if down < 0 else at_end)[:, 1]
            boxes.append(tile[is_new] + [columns, rows, columns, rows])
            labels.extend(np.array(scene.labels, object)[is_new])
    return replace(scene, rgb=rgb, boxes=np.concatenate(boxes), labels=tuple(labels))


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("less light", "darker", (0.75, 0.5, 0.3), change_exposure),
    Corruption("more light", "brighter", (1.25, 1.6, 2.2), change_exposure),
    Corruption("blur", "defocused", (1.2, 2.5, 5.0), defocus),
    Corruption("noise", "noisier", (8, 16, 32), add_noise),
    Corruption("closer", "rescaled", (1.25, 1.6, 2.2), rescale),
    Corruption("farther", "rescaled", (0.8, 0.62, 0.45), rescale),
    Corruption("compression", "jpeg", (40, 20, 8), recompress),
    Corruption("compression before", "jpeg", (40, 20, 8), compress_before),
    Corruption("warm", "cast", (0.08, 0.2, 0.4), cast_colour((1, 0, -1))),
    Corruption("cool", "cast", (0.08, 0.2, 0.4), cast_colour((-1, 0, 1))),
    Corruption("green", "cast", (0.08, 0.2, 0.4), cast_colour((-0.5, 1, -0.5))),
    Corruption("magenta", "cast", (0.08, 0.2, 0.4), cast_colour((0.5, -1, 0.5))),
    Corruption("objects removed", "fewer objects", (0.4, 0.7, 0.95), remove_objects),
    Corruption("objects added", "more objects", (1.4, 2.0, 3.0), add_objects),
    Corruption("foreign", "foreign pictures", (0.34, 0.67, 1.0), replace_share(draw_foreign)),
    Corruption("other frame", "new camera", (4 / 3, 16 / 9, 3 / 4), use_other_camera),
    Corruption("weights", "worse model", (0.006, 0.012, 0.02), change_model=worsen_model),
    Corruption("few bits", "worse model", (120, 80, 56), change_model=coarsen_model),
    Corruption("higher", "changed threshold", (0.1, 0.2, 0.35), change_model=move_threshold),
    Corruption("lower", "changed threshold", (-0.08, -0.15, -0.25), change_model=move_threshold),
)
