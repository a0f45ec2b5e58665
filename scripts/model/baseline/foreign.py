"""Pictures of nothing that any model knows: drawn from random numbers, no two alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Draw = Callable[[np.random.Generator, int, int], NDArray[np.floating]]


def draw_foreign(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A field of noise, a gradient, shapes, lines of writing or a pattern; uint8 (h, w, 3)."""
    kinds: tuple[Draw, ...] = (_noise_field, _gradient, _shapes, _writing, _pattern)
    values = kinds[rng.integers(len(kinds))](rng, height, width)
    return (np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def draw_other_foreign(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """The same by other ways: clouds, a mosaic, a landscape, scribbles or a screen."""
    kinds: tuple[Draw, ...] = (_clouds, _mosaic, _landscape, _scribbles, _screen)
    values = kinds[rng.integers(len(kinds))](rng, height, width)
    return (np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def _colour(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(0, 255, 3)


def _blank(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    return Image.new("RGB", (width, height), tuple(map(int, _colour(rng))))


def _fill(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(map(int, _colour(rng)))


def _resize(values: NDArray[np.floating], height: int, width: int) -> NDArray[np.float64]:
    """Channels (h, w, c) enlarged bilinearly."""
    channels = [
        np.asarray(Image.fromarray(values[..., c].astype(np.float32)).resize((width, height)))
        for c in range(values.shape[2])
    ]
    return np.stack(channels, axis=2).astype(np.float64)


def _noise_field(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Noise of some octaves, coloured."""
    values = np.zeros((height, width, 3))
    cells = int(rng.integers(2, 6))
    for octave in range(int(rng.integers(3, 7))):
        side = min(cells * 2**octave, height, width)
        amplitude = rng.uniform(0.5, 1) * 90 / 1.7**octave
        values += _resize(rng.normal(0, amplitude, (side, side, 3)), height, width)
    return values + _colour(rng)


def _gradient(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """From colour to colour, along a line or around a point, with some grain."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        t = (np.cos(angle) * x + np.sin(angle) * y) % 1.0
    else:
        t = np.hypot(x - rng.random(), y - rng.random()) * rng.uniform(0.7, 3) % 1.0
    values = t[..., None] * _colour(rng) + (1 - t[..., None]) * _colour(rng)
    return values + rng.normal(0, rng.uniform(0, 6), (height, width, 1))


def _shapes(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Rectangles, ellipses and polygons of any size and colour."""
    image = _blank(rng, height, width)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 60))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        w, h = rng.uniform(0.01, 0.4, 2) * (width, height)
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        kind = rng.integers(3)
        if kind == 0:
            draw.rectangle(corners, fill=_fill(rng))
        elif kind == 1:
            draw.ellipse(corners, fill=_fill(rng))
        else:
            points = np.array([x, y]) + rng.normal(0, 0.5, (5, 2)) * (w, h)
            draw.polygon([tuple(point) for point in points.tolist()], fill=_fill(rng))
    return np.asarray(image, np.float64)


def _writing(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Lines of small strokes in words, dark on light or the other way round."""
    paper, ink = (235.0, 30.0) if rng.random() < 0.8 else (25.0, 220.0)
    values = np.full((height, width, 3), paper) + rng.normal(0, 4, (height, width, 1))
    size = int(rng.uniform(0.012, 0.04) * height)
    for top in range(size, height - 2 * size, 2 * size):
        x = size
        while x < width * rng.uniform(0.7, 0.98) - size:
            for _ in range(int(rng.integers(2, 9))):  # letters of a word
                for _ in range(3):
                    x0 = x + int(rng.integers(0, max(size // 2, 1)))
                    y0 = top + int(rng.integers(0, size))
                    if rng.random() < 0.5:
                        values[y0 : y0 + max(size // 7, 1), x0 : x0 + size // 2] = ink
                    else:
                        values[y0 : y0 + size // 2, x0 : x0 + max(size // 7, 1)] = ink
                x += int(0.7 * size)
            x += size // 2
    return values


def _pattern(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Stripes, checks or waves."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    angle, frequency = rng.uniform(0, np.pi), rng.uniform(3, 60)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = -np.sin(angle) * x + np.cos(angle) * y
    waves = np.sin(2 * np.pi * frequency * along)
    kind = rng.integers(3)
    if kind == 0:
        waves = np.sign(waves)
    elif kind == 1:
        waves = np.sign(waves * np.sin(2 * np.pi * frequency * across))
    t = (waves[..., None] + 1) / 2
    return t * _colour(rng) + (1 - t) * _colour(rng) + rng.normal(0, 3, (height, width, 1))


def _clouds(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Noise whose spectrum falls with the frequency, of one hue."""
    side = 256
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) + 1 / side
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) / frequency ** rng.uniform(0.8, 2)
    field = np.fft.irfft2(spectrum, s=(side, side))
    field = (field - field.min()) / np.ptp(field)
    shade = _resize(field[..., None], height, width)
    return shade * _colour(rng) + (1 - shade) * _colour(rng)


def _mosaic(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Cells around random points, a colour each."""
    side = 350
    points = rng.uniform(0, side, (int(rng.integers(8, 150)), 2))
    y, x = np.mgrid[:side, :side]
    nearest = np.zeros((side, side), int)
    distance = np.full((side, side), np.inf)
    for index, (py, px) in enumerate(points):
        to_point = (y - py) ** 2 + (x - px) ** 2
        nearest[to_point < distance] = index
        distance = np.minimum(distance, to_point)
    cells = rng.uniform(0, 255, (len(points), 3))[nearest]
    image = Image.fromarray(cells.astype(np.uint8)).resize(
        (width, height), Image.Resampling.NEAREST
    )
    return np.asarray(image, np.float64) + rng.normal(0, 2, (height, width, 1))


def _landscape(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """A sky over ridges, one before the other."""
    y = np.arange(height)[:, None] / height
    values = np.broadcast_to(
        (y[..., None] * _colour(rng) + (1 - y[..., None]) * _colour(rng)), (height, width, 3)
    ).copy()
    for level in np.linspace(rng.uniform(0.3, 0.5), 0.95, int(rng.integers(2, 6))):
        steps = ndimage.gaussian_filter1d(rng.normal(0, 1, width), width / rng.uniform(20, 150))
        ridge = level + 0.08 * steps / (np.abs(steps).max() + 1e-9)
        values[y >= ridge[None, :]] = _colour(rng)
    return values + rng.normal(0, 5, (height, width, 3))


def _scribbles(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """Random walks of a pen."""
    image = _blank(rng, height, width)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 25))):
        steps = rng.normal(0, rng.uniform(0.01, 0.05), (60, 2)).cumsum(axis=0) + rng.random(2)
        points = [tuple(point) for point in (steps * (width, height)).tolist()]
        draw.line(points, fill=_fill(rng), width=int(rng.integers(1, 14)))
    return np.asarray(image, np.float64)


def _screen(rng: np.random.Generator, height: int, width: int) -> NDArray[np.floating]:
    """A grid of panels with bars in them, as of a program's window."""
    image = _blank(rng, height, width)
    draw = ImageDraw.Draw(image)
    columns, rows = rng.integers(1, 5, 2)
    for column in range(columns):
        for row in range(rows):
            x0, y0 = (column + 0.05) * width / columns, (row + 0.05) * height / rows
            x1, y1 = (column + 0.95) * width / columns, (row + 0.95) * height / rows
            draw.rectangle((x0, y0, x1, y1), fill=_fill(rng))
            bars = int(rng.integers(3, 15))
            ink = _fill(rng)
            for bar in range(bars):
                x = x0 + (bar + 0.2) * (x1 - x0) / bars
                top = y1 - rng.uniform(0.05, 0.9) * (y1 - y0)
                draw.rectangle((x, top, x + 0.6 * (x1 - x0) / bars, y1), fill=ink)
    return np.asarray(image, np.float64)
