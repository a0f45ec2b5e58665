"""Edits of a graph change how it is stored, not what it computes."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from scripts.model.quantize.edits import to_float16, to_lookup_tables
from tests.scripts.model.quantize.layered_bundle import SIDE, make_network


def test_anchors_are_stored_as_bytes_without_loss() -> None:
    network = make_network()
    cells = next(tensor for tensor in network.graph.initializer if tensor.name == "cells")
    values = np.tile(numpy_helper.to_array(cells) + np.float32(600.3), (1, 9, 1))
    cells.CopyFrom(numpy_helper.from_array(values, "cells"))
    converted = to_float16(to_lookup_tables(network))
    kinds = {tensor.name: tensor.data_type for tensor in converted.graph.initializer}
    assert kinds["cells/which"] == TensorProto.UINT8 and kinds["cells/table"] == TensorProto.FLOAT
    assert kinds["carry1/half"] == TensorProto.FLOAT16 and "cells" not in kinds
    del converted.graph.node[-2:]  # the scores no longer fit the boxes' number
    del converted.graph.output[:]
    converted.graph.output.append(helper.make_tensor_value_info("cells", TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs = session.run(None, {"image": np.zeros((1, 3, SIDE, SIDE), np.float32)})
    np.testing.assert_array_equal(outputs[0], values)
