"""Tests; tests/support has what they share."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before anything loads ONNX Runtime; see handler
