"""Loads a foreign ONNX file: one input of a fixed size, a joinable opset, and a run on noise."""
