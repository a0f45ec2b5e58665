"""A format's decoding as ONNX operators: outputs of a foreign graph to boxes and scores."""
