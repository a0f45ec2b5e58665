"""Secrets to plant into requests, and a search for them in whatever form they were written.

Each secret is looked for as it is, in capitals and small letters, percent-encoded, as JSON and HTML
escape it, in hexadecimal and in base64 at each of the three offsets that it may have in a longer
text. What is searched is unpacked first: gzip, and base64 of gzip within a line.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import random
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

from PIL import Image

KEY = "icebox_Zq3vXw7TplantedKey0000000000000000000A1"
JWT = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InBsYW50ZWQifQ."
    "eyJzdWIiOiJwbGFudGVkLXN1YmplY3QiLCJlbWFpbCI6InBsYW50ZWRAZXhhbXBsZS5vcmcifQ."
    "cGxhbnRlZC1zaWduYXR1cmUtb2YtYS10b2tlbg"
)
ADDRESS, ADDRESS_6 = "203.0.113.77", "2001:db8:77::cafe"
SUBJECT, EMAIL = "planted-subject-5021", "planted.person@example.org"
COOKIE, AGENT, REFERER = "planted-session-cookie-81", "PlantedAgent/4711", "planted-referer.example"
FILE_NAME = "planted-patient-name-1970.jpg"
EXIF_TEXT, FIELD = "planted caption of the camera", "planted-field-value-33"
LATITUDE = "47.37681"

# Those of people and keys; nobody may find any of them in what is written.
SECRETS = {
    "API key": KEY,
    "bearer token": JWT,
    "signature of the token": JWT.rpartition(".")[2],
    "address": ADDRESS,
    "IPv6 address": ADDRESS_6,
    "subject": SUBJECT,
    "e-mail": EMAIL,
    "cookie": COOKIE,
    "user agent": AGENT,
    "referer": REFERER,
    "file name": FILE_NAME,
    "EXIF text": EXIF_TEXT,
    "form field": FIELD,
}
_GZIP_IN_BASE64 = re.compile(rb"H4sI[A-Za-z0-9+/=]{40,}")


def make_picture() -> bytes:
    """A JPEG of noise, with what a camera writes about its owner and place."""
    noise = random.Random(5).randbytes(96 * 96 * 3)
    image = Image.frombytes("RGB", (96, 96), noise)
    exif = Image.Exif()
    exif[0x010E] = EXIF_TEXT  # ImageDescription
    exif[0x013B] = EMAIL  # Artist
    degrees, minutes, seconds = 47.0, 22.0, 36.516  # LATITUDE
    exif[0x8825] = {1: "N", 2: (degrees, minutes, seconds), 3: "E", 4: (8.0, 32.0, 30.0)}
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


PICTURE = make_picture()
# Pieces of the picture that no other picture has: of its EXIF, and of its pixels.
_PIECES = [PICTURE[at : at + 24] for at in (len(PICTURE) // 3, len(PICTURE) // 2, -400)]


def forms_of(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for offset in range(3):  # without the first and the last quartet, which have neighbours' bits
        text = base64.b64encode(b"\0" * offset + secret)
        yield text[4 * (offset > 0) : len(text) - 4]
        yield base64.urlsafe_b64encode(b"\0" * offset + secret)[4 * (offset > 0) : len(text) - 4]
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        # as a log line of a careless program would have it
        yield repr(secret)[2:-1].encode()
        yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
        return
    for each in (text.lower(), text.upper(), quote(text, safe=""), quote_plus(text),
                 json.dumps(text)[1:-1], html.escape(text)):  # fmt: skip
        yield each.encode()


NEEDLES = {
    name: tuple(dict.fromkeys(form for form in forms_of(text.encode()) if len(form) >= 10))
    for name, text in SECRETS.items()
} | {
    f"picture, piece {number}": tuple(forms_of(piece)) for number, piece in enumerate(_PIECES)
}  # fmt: skip


def unpack(body: bytes) -> bytes:
    """The bytes, and behind them what is packed in them."""
    parts = [body]
    if body[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):  # what follows is no gzip
            parts.append(gzip.decompress(body))
    for match in _GZIP_IN_BASE64.finditer(body):
        with suppress(ValueError, EOFError, OSError, zlib.error):
            parts.append(gzip.decompress(base64.b64decode(match[0] + b"==")))
    return b"\n".join(parts)


def find(body: bytes) -> dict[str, bytes]:
    """Secrets that are in some bytes, each with what is around it."""
    text = unpack(body)
    found = {}
    for name, needles in NEEDLES.items():
        for needle in needles:
            at = text.find(needle)
            if at >= 0:
                found[name] = text[max(0, at - 120) : at + 120]
                break
    return found
