"""Appends a format's decoding to a foreign graph, as ONNX operators of opset 18.

The result is the network that scripts.model.graph.wrap takes: the picture to boxes float32
[1, A, 4], xyxy in input px, and scores float32 [1, C, A].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper

from scripts.model.adapt.decoding.boxes import decode_boxes
from scripts.model.adapt.decoding.graph_builder import FOREIGN_PREFIX, GraphBuilder
from scripts.model.adapt.decoding.scores import decode_scores
from scripts.model.adapt.loading.foreign_model import ForeignModel
from scripts.model.adapt.reading import FormatReading


def build_network(
    foreign: ForeignModel, reading: FormatReading, class_ids: Sequence[int]
) -> onnx.ModelProto:
    """The foreign graph with the reading's decoding behind it.

    class_ids: the label, or the column of scores, of each class, in the order of the bundle's
    names.
    """
    model = compose.add_prefix(foreign.model, FOREIGN_PREFIX)
    builder = GraphBuilder()
    image = foreign.image
    foreign_input = FOREIGN_PREFIX + image.name
    if image.rank == 4:
        builder.nodes.append(helper.make_node("Identity", ["image"], [foreign_input]))
    else:
        batch_axis = builder.constant([0], np.int64)
        builder.nodes.append(helper.make_node("Squeeze", ["image", batch_axis], [foreign_input]))
    input_nodes, builder.nodes = builder.nodes, []
    boxes = decode_boxes(builder, reading, (image.width, image.height))
    scores = decode_scores(builder, reading, class_ids)
    builder.nodes += [
        helper.make_node("Identity", [boxes], ["boxes"]),
        helper.make_node("Identity", [scores], ["scores"]),
    ]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(image.dtype))
    graph = model.graph
    nodes = [*input_nodes, *graph.node, *builder.nodes]
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(builder.constants)
    graph.input.append(helper.make_tensor_value_info("image", element, image.batch_shape))
    graph.output.append(helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, None, 4]))
    graph.output.append(
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(class_ids), None])
    )
    del model.metadata_props[:]
    return model
