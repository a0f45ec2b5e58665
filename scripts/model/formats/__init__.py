"""ONNX detectors made elsewhere: read, recognised, and decoded into what graph.wrap takes."""
