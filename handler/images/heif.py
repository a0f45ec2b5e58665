"""Decode HEIC in a process of its own.

pi_heif crashes on some damaged files (one wrong byte in an item's name is enough), and a client
must not crash the function. The process costs 60 ms, only for HEIC.
"""

from __future__ import annotations

import json
import subprocess
import sys

from PIL import Image

from handler.problems import Undecodable

TIMEOUT_S = 15


def decode(image_bytes: bytes, max_pixels: int) -> tuple[tuple[int, int], Image.Image, int]:
    """Returns the size (width, height) in px, the upright picture, and the EXIF orientation.

    A picture of more than `max_pixels` is not decoded: its size comes with a 1 x 1 picture.
    Raises Undecodable.
    """
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from handler.images import heif; heif.decode_stdin({int(max_pixels)})"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    try:
        child = subprocess.run(
            command,
            input=image_bytes,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Undecodable(f"the HEIF picture took more than {TIMEOUT_S} s to decode") from None
    if child.returncode != 0:
        raise Undecodable("the HEIF picture is damaged: its decoder crashed")
    header_end = child.stdout.index(b"\n") + 1
    header = json.loads(child.stdout[:header_end])
    if "error" in header:
        raise Undecodable(f"the HEIF picture is truncated or damaged ({header['error']})")
    size, mode = (header["width"], header["height"]), header["mode"]
    pixels = memoryview(child.stdout)[header_end:]
    if not pixels:
        return size, Image.new(mode, (1, 1)), header["orientation"]
    image = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)  # type: ignore[arg-type]
    return size, image, header["orientation"]


def decode_stdin(max_pixels: int) -> None:
    """The child process: decode the file on stdin, write a line of JSON and the pixels to stdout.

    The JSON has width, height, mode and orientation, or an error and no pixels follow.
    """
    import io
    import resource

    import pi_heif

    limit_bytes = (1 << 30) + 16 * max_pixels
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pixels = b""
    try:
        image = pi_heif.HeifImageFile(io.BytesIO(sys.stdin.buffer.read()))
        if image.width * image.height <= max_pixels:
            pixels = image.tobytes()  # upright: pi_heif applies the container's rotation
        header = {
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "orientation": image.info.get("original_orientation") or 1,
        }
    except Exception as error:
        header = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.write(pixels)
