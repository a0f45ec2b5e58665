"""Runs a foreign graph on pictures of noise, which shows its outputs' shapes and values."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime

from scripts.model.adapt.loading.image_input import ImageInput
from scripts.tool import ToolError


def run_on_noise(
    model: onnx.ModelProto, image: ImageInput, source: str, max_pictures: int = 3
) -> list[list[np.ndarray]]:
    """The graph's outputs on each of several noisy pictures.

    source: the graph's name in error texts. Raises ToolError.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has no public error type
        raise ToolError(f"{source}: ONNX Runtime cannot load it ({one_line(error)})") from None
    outputs = []
    for picture in _noisy_pictures(image)[:max_pictures]:
        try:
            outputs.append(session.run(None, {image.name: picture}))
        except Exception as error:
            raise ToolError(
                f"{source}: fails on a picture of {image.width} x {image.height} px, "
                f"{image.layout} ({one_line(error)}); if that is not its size or layout, say so by "
                "--size or --layout"
            ) from None
    return outputs


def _noisy_pictures(image: ImageInput) -> list[np.ndarray]:
    """Smooth noise in 0..255, in 0..1 and normalised: one of them suits the graph."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (image.height // 16 + 1, image.width // 16 + 1, 3))
    smooth = coarse.repeat(16, 0).repeat(16, 1)[: image.height, : image.width]
    noise = rng.integers(-20, 20, smooth.shape)
    rgb = np.clip(smooth + noise, 0, 255).astype(np.float32)
    if image.layout == "nchw":
        rgb = rgb.transpose(2, 0, 1)
    rgb = rgb.reshape(image.shape)
    scaled = [rgb] if image.dtype == "uint8" else [rgb, rgb / 255, rgb / 64 - 2]
    return [np.ascontiguousarray(picture.astype(image.dtype)) for picture in scaled]


def one_line(error: Exception) -> str:
    """The first 300 characters of an error's text, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
