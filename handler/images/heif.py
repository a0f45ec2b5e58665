"""Decode HEIC in a process of its own.

pi_heif crashes on some damaged files (one wrong byte in an item's name is enough), and a client
must not crash the function. The process costs 60 ms, only for HEIC.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
import sys
import threading
from typing import IO

from PIL import Image

from handler.problems import Undecodable

TIMEOUT_S = 15
CPU_S = 2  # of the process, and more for each pixel; a good picture takes 3e-8 s
CPU_S_PER_PIXEL = 1e-7


def decode(
    image_bytes: bytes, max_pixels: int, timeout_s: float = TIMEOUT_S
) -> tuple[tuple[int, int], Image.Image, int]:
    """Returns the size (width, height) in px, the upright picture, and the EXIF orientation.

    A picture of more than `max_pixels` is not decoded: its size comes with a 1 x 1 picture.
    timeout_s: after which the process is ended, at most TIMEOUT_S. Raises Undecodable.
    """
    timeout_s = max(0.001, min(timeout_s, TIMEOUT_S))
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from handler.images import heif; heif.decode_stdin({int(max_pixels)}, {CPU_S})"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    is_late = threading.Event()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:

        def end_child() -> None:
            is_late.set()
            child.kill()

        timer = threading.Timer(timeout_s, end_child)
        timer.start()
        try:
            assert child.stdin and child.stdout
            with contextlib.suppress(OSError):  # it ended before it had read everything
                child.stdin.write(image_bytes)
                child.stdin.close()
            header_line = child.stdout.readline()
            header = json.loads(header_line) if header_line.endswith(b"\n") else {}
            pixels = _read_exactly(child.stdout, header.get("pixel_bytes", 0))
            child.wait()
        finally:
            timer.cancel()
            child.kill()
    if child.returncode == -signal.SIGXCPU:
        raise Undecodable("the HEIF picture takes too long to decode for its size")
    if is_late.is_set():
        raise Undecodable(f"the HEIF picture took more than {timeout_s:.3g} s to decode")
    if child.returncode != 0 or not header or pixels is None:
        raise Undecodable("the HEIF picture is damaged: its decoder crashed")
    if "error" in header:
        raise Undecodable(f"the HEIF picture is truncated or damaged ({header['error']})")
    size, mode = (header["width"], header["height"]), header["mode"]
    if not pixels:
        return size, Image.new(mode, (1, 1)), header["orientation"]
    image = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
    return size, image, header["orientation"]


def _read_exactly(file: IO[bytes], count: int) -> bytearray | None:
    """So many bytes, in memory once; None if the file ends before."""
    pixels = bytearray(count)
    view, filled = memoryview(pixels), 0
    while filled < count:
        read = file.readinto(view[filled:])  # type: ignore[attr-defined]
        if not read:
            return None
        filled += read
    return pixels


def _limit_cpu(seconds: int) -> None:
    """Have this process ended by SIGXCPU after so much time of its own."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def decode_stdin(max_pixels: int, cpu_s: int) -> None:
    """The child process: decode the file on stdin, write a line of JSON and the pixels to stdout.

    cpu_s: time of the process, before pixels add to it. The JSON has width, height, mode,
    orientation and the number of bytes of the pixels, or an error and no pixels follow.
    """
    import io
    import resource

    import pi_heif

    limit_bytes = (1 << 30) + 16 * max_pixels
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_cpu(cpu_s)
    pixels = memoryview(b"")
    try:
        file = pi_heif.HeifFile(
            io.BytesIO(sys.stdin.buffer.read()), convert_hdr_to_8bit=True, hdr_to_16bit=True
        )
        image = file[file.primary_index]
        width, height = image.size
        _limit_cpu(cpu_s + math.ceil(min(width * height, max_pixels) * CPU_S_PER_PIXEL))
        orientation = pi_heif.set_orientation(image.info) or 1
        if width * height <= max_pixels:
            pixels = memoryview(image.data)  # upright: pi_heif applies the container's rotation
        header = {
            "width": image.size[0],
            "height": image.size[1],
            "mode": image.mode,
            "orientation": orientation,
            "pixel_bytes": len(pixels),
        }
    except Exception as error:
        header = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.write(pixels)
