"""Shifts time.time() by the seconds in the file ICEBOX_LAB_CLOCK, like a clock that jumps."""

import mmap
import os
import struct
import time
from pathlib import Path

_path = os.environ.get("ICEBOX_LAB_CLOCK")
if _path:
    with Path(_path).open("rb") as _file:
        _shared = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _real = time.time
    time.time = lambda: _real() + struct.unpack("d", _shared[:8])[0]
