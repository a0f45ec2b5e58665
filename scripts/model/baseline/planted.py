"""Shifts that a monitor is tried on: the causes of scripts.model.baseline.corruptions, by other
means and at other strengths, so that a signature never meets its own picture again."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from handler.bundle.manifest import Manifest
from scripts.model.baseline.corruptions import (
    ChangeScene,
    Corruption,
    change_frame,
    crop_and_resize,
    move_threshold,
    replace_share,
)
from scripts.model.baseline.foreign import draw_other_foreign
from scripts.model.baseline.objects import add_objects, fill_objects
from scripts.model.baseline.scene import Encoding, Scene
from scripts.model.baseline.weights import drop_weights


def change_gamma(scene: Scene, gamma: float, rng: np.random.Generator) -> Scene:
    """sRGB values, 0..1, to the power of gamma: above 1 is darker."""
    table = (255 * (np.arange(256) / 255) ** gamma + 0.5).astype(np.uint8)
    return scene.with_pixels(table[scene.rgb])


def blur_by_disc(scene: Scene, permille: float, rng: np.random.Generator) -> Scene:
    """A lens out of focus: the mean over rectangles that a disc holds, its radius in thousandths of
    the longer side."""
    radius = permille / 1000 * max(scene.rgb.shape[:2])
    image = Image.fromarray(scene.rgb)
    total = np.zeros(scene.rgb.shape, np.uint16)
    angles = np.pi / 2 * (np.arange(5) + 0.5) / 5
    for angle in angles:
        sides = (radius * np.cos(angle), radius * np.sin(angle))
        total += np.asarray(image.filter(ImageFilter.BoxBlur(sides)))
    return scene.with_pixels(((total + 2) // len(angles)).astype(np.uint8))


def add_grain(scene: Scene, levels: float, rng: np.random.Generator) -> Scene:
    """Shot noise, larger where it is bright, partly in brightness alone and a little smooth."""
    side = 400  # the grain repeats
    grey = rng.standard_normal((side, side, 1), np.float32)
    noise = 0.7 * grey + 0.7 * rng.standard_normal((side, side, 3), np.float32)
    noise = 1.7 * ndimage.gaussian_filter(noise, (0.5, 0.5, 0), mode="wrap")
    height, width = scene.rgb.shape[:2]
    noise = np.tile(noise, (-(-height // side), -(-width // side), 1))[:height, :width]
    amplitude = levels * np.sqrt(0.15 + 1.2 * np.arange(256, dtype=np.float32) / 255)
    return scene.with_pixels(scene.rgb + amplitude[scene.rgb] * noise)


def zoom(scene: Scene, factor: float, rng: np.random.Generator) -> Scene:
    """Above 1 a part of the picture, off its middle, enlarged; below 1 the picture made smaller on
    a ground that continues its edges."""
    height, width = scene.rgb.shape[:2]
    window_width, window_height = width / factor, height / factor
    if factor < 1:
        rows, columns = int(window_height - height) // 2 + 1, int(window_width - width) // 2 + 1
        rgb = np.pad(scene.rgb, ((rows, rows), (columns, columns), (0, 0)), mode="edge")
        scene = replace(scene, rgb=rgb, boxes=scene.boxes + [columns, rows, columns, rows])
        left, top = columns - (window_width - width) / 2, rows - (window_height - height) / 2
    else:
        left = (width - window_width) * rng.uniform(0.35, 0.65)
        top = (height - window_height) * rng.uniform(0.35, 0.65)
    window = (left, top, left + window_width, top + window_height)
    return crop_and_resize(scene, window, (width, height), Image.Resampling.BILINEAR)


def compress_twice(scene: Scene, quality: float, rng: np.random.Generator) -> Scene:
    """Compressed by a messenger, without subsampling, and saved again as the original was: the
    file's own tables say nothing of it."""
    buffer = io.BytesIO()
    Image.fromarray(scene.rgb).save(buffer, "JPEG", quality=int(quality), subsampling=0)
    return scene.with_pixels(np.asarray(Image.open(buffer).convert("RGB")))


def compress_coarsely(scene: Scene, quality: float, rng: np.random.Generator) -> Scene:
    """A JPEG of this quality with colours of 4:2:2."""
    return replace(scene, encoding=Encoding("JPEG", None, 1, int(quality)))


def tint(offsets: tuple[float, float, float]) -> ChangeScene:
    """sRGB values of each channel moved in the mid tones, by strength x offset of 255 levels."""

    def change(scene: Scene, strength: float, rng: np.random.Generator) -> Scene:
        level = np.arange(256) / 255
        weight = 2 * level * (1 - level) + level / 2
        tables = 255 * (level + strength * np.reshape(offsets, (3, 1)) * weight)
        tables = (tables.clip(0, 255) + 0.5).astype(np.uint8)
        channels = [tables[c][scene.rgb[..., c]] for c in range(3)]
        return scene.with_pixels(np.stack(channels, axis=2))

    return change


def mirror_more_objects(scene: Scene, ratio: float, rng: np.random.Generator) -> Scene:
    """Copies of the objects, turned, on free ground."""
    return add_objects(scene, ratio, rng, is_mirrored=True)


def use_phone(scene: Scene, aspect: float, rng: np.random.Generator) -> Scene:
    """A frame of 1,600 px with an aspect ratio of its own, sharpened by the camera."""
    scene = change_frame(scene, aspect, 1600, Image.Resampling.BICUBIC)
    return replace(scene, encoding=Encoding("JPEG", None, 1, 90))


def prune_model(
    manifest: Manifest, onnx_bytes: bytes, share: float, rng: np.random.Generator
) -> tuple[Manifest, bytes]:
    """The smallest weights set to zero."""
    return manifest, drop_weights(onnx_bytes, share, rng)


# The middle strength of each is what a monitor should find.
PLANTED: tuple[Corruption, ...] = (
    Corruption("gamma darker", "darker", (1.2, 1.6, 2.4), change_gamma),
    Corruption("gamma brighter", "brighter", (0.85, 0.65, 0.4), change_gamma),
    Corruption("disc", "defocused", (2.0, 4.0, 8.0), blur_by_disc),
    Corruption("grain", "noisier", (5, 11, 22), add_grain),
    Corruption("zoom in", "rescaled", (1.18, 1.45, 2.0), zoom),
    Corruption("zoom out", "rescaled", (0.85, 0.7, 0.5), zoom),
    Corruption("messenger", "jpeg", (35, 15, 6), compress_twice),
    Corruption("coarse JPEG", "jpeg", (45, 25, 10), compress_coarsely),
    Corruption("orange", "cast", (0.04, 0.1, 0.2), tint((1, 0.3, -0.8))),
    Corruption("blue", "cast", (0.04, 0.1, 0.2), tint((-0.7, -0.2, 1))),
    Corruption("green-yellow", "cast", (0.04, 0.1, 0.2), tint((0.1, 0.6, -0.7))),
    Corruption("filled", "fewer objects", (0.3, 0.55, 0.85), fill_objects),
    Corruption("mirrored", "more objects", (1.3, 1.7, 2.5), mirror_more_objects),
    Corruption("others", "foreign pictures", (0.2, 0.5, 1.0), replace_share(draw_other_foreign)),
    Corruption("phone", "new camera", (3 / 2, 5 / 4, 9 / 16), use_phone),
    Corruption("pruned", "worse model", (0.06, 0.1, 0.15), change_model=prune_model),
    Corruption("stricter", "changed threshold", (0.07, 0.15, 0.3), change_model=move_threshold),
    Corruption("laxer", "changed threshold", (-0.06, -0.12, -0.2), change_model=move_threshold),
)
