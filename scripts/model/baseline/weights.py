"""A worse model: an ONNX file whose weights are a little off, as after a bad training or a bad
conversion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def add_weight_noise(onnx_bytes: bytes, strength: float, rng: np.random.Generator) -> bytes:
    """Normal noise on every tensor of weights, `strength` times the tensor's standard deviation."""

    def change(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        noise = rng.standard_normal(weights.shape).astype(np.float32)
        return weights + np.float32(strength) * weights.std() * noise

    return _change_weights(onnx_bytes, change)


def drop_weights(onnx_bytes: bytes, share: float, rng: np.random.Generator) -> bytes:
    """The smallest weights of every tensor set to zero, a share of them all: pruned without a
    training after it."""

    def change(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        limit = np.quantile(np.abs(weights), share)
        return np.where(np.abs(weights) < limit, np.float32(0), weights)

    return _change_weights(onnx_bytes, change)


def coarsen_weights(onnx_bytes: bytes, steps: float, rng: np.random.Generator) -> bytes:
    """Weights of every tensor rounded to so many steps on each side of zero."""

    def change(weights: NDArray[np.float32]) -> NDArray[np.float32]:
        step = np.abs(weights).max() / np.float32(steps)
        return np.round(weights / step) * step if step else weights

    return _change_weights(onnx_bytes, change)


def _change_weights(
    onnx_bytes: bytes, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> bytes:
    """The file with `change` applied to the float32 and int8 tensors of convolutions and matrices.

    Int8 values are changed as the numbers that they are, rounded, and kept within their range.
    """
    import onnx
    from onnx import numpy_helper

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.INT8)

    model = onnx.load_model_from_string(onnx_bytes)
    for tensor in model.graph.initializer:
        if tensor.data_type not in kinds or len(tensor.dims) < 2:
            continue
        weights = numpy_helper.to_array(tensor)
        if min(weights.shape) and weights.size >= 16:
            changed = change(weights.astype(np.float32))
            if weights.dtype == np.int8:
                changed = np.round(changed).clip(weights.min(), weights.max())
            changed = changed.astype(weights.dtype)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    data: bytes = model.SerializeToString()
    return data
