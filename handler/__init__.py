"""The Lambda function: it detects objects in the picture of an HTTP event and counts them."""

import os

# ONNX Runtime asks a host of Microsoft's and writes ~/.cache/Microsoft unless it finds this when it
# is loaded, which is after any module of this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
