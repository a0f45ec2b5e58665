"""The Lambda function: it detects objects in the picture of an HTTP event and counts them."""

import os

# ONNX Runtime asks a host of Microsoft's and writes ~/.cache/Microsoft unless it finds this when it
# is loaded, which is after any module of this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# NumPy's OpenBLAS would start a thread for each CPU that it sees. They would wait for each other
# where Lambda shows two and gives one: a record's statistics then take 24 ms instead of 3.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
