"""Boxes that are coded as offsets to prior boxes, in px of the input."""

from __future__ import annotations

import numpy as np

from scripts.model.adapt.decoding.graph_builder import GraphBuilder
from scripts.model.adapt.reading import FormatReading


def decode_priors(builder: GraphBuilder, reading: FormatReading, offsets: str) -> str:
    """SSD's coding to cxcywh (Liu et al., 2016): a centre's offset in sizes of its prior, a size as
    the logarithm of its ratio to the prior's, both divided by a variance; or, in BlazeFace, a size
    in sizes of the prior."""
    priors = reading.priors
    assert priors is not None
    if priors.order == "yxhw":
        columns = builder.constant([1, 0, 3, 2], np.int64)
        offsets = builder.op("Gather", offsets, columns, axis=2)
    boxes = priors.boxes[np.newaxis]
    centre_variance, size_variance = priors.variances
    shift = builder.op(
        "Mul", builder.columns(offsets, 0, 2), builder.constant(boxes[..., 2:] * centre_variance)
    )
    centre = builder.op("Add", shift, builder.constant(boxes[..., :2]))
    ratio = builder.op("Mul", builder.columns(offsets, 2, 4), builder.constant(size_variance))
    if priors.sizes == "logarithm":
        ratio = builder.op("Exp", ratio)
    extent = builder.op("Mul", ratio, builder.constant(boxes[..., 2:]))
    return builder.op("Concat", centre, extent, axis=2)
