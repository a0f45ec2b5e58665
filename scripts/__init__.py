"""Everything around the function: its model, its measurements, its deployment."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before anything loads ONNX Runtime; see handler
