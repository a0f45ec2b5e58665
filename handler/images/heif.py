"""HEIC bytes in, upright pixels out, decoded in a process of its own.

pi_heif crashes on some damaged files (one wrong byte in an item's name suffices), and a client must
not bring the function down. The process costs 60 ms, and only those who send HEIC.
"""

from __future__ import annotations

import json
import subprocess
import sys

from PIL import Image

from handler.problems import Undecodable

TIMEOUT_S = 15


def decode(data: bytes, max_pixels: int) -> tuple[tuple[int, int], Image.Image, int]:
    """The size (width, height) in px, the picture in any mode, and the EXIF orientation found.

    A picture of more than `max_pixels` is not decoded: it comes with its size and no pixels.
    Raises Undecodable.
    """
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from handler.images import heif; heif.serve({int(max_pixels)})"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    try:
        child = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Undecodable(f"the HEIF picture took more than {TIMEOUT_S} s to decode") from None
    if child.returncode != 0:
        raise Undecodable("the HEIF picture is damaged: its decoder crashed")
    end = child.stdout.index(b"\n") + 1
    head = json.loads(child.stdout[:end])
    if "error" in head:
        raise Undecodable(f"the HEIF picture is truncated or damaged ({head['error']})")
    size, mode = (head["width"], head["height"]), head["mode"]
    pixels = memoryview(child.stdout)[end:]
    if not pixels:
        return size, Image.new(mode, (1, 1)), head["orientation"]
    image = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)  # type: ignore[arg-type]
    return size, image, head["orientation"]


def serve(max_pixels: int) -> None:
    """That process: a file on stdin; a line of JSON and the pixels, or an error, on stdout."""
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
            pixels = image.tobytes()  # upright: pi_heif turns it as the container says
        head = {
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "orientation": image.info.get("original_orientation") or 1,
        }
    except Exception as error:
        head = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    sys.stdout.buffer.write(pixels)
