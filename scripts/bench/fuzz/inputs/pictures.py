"""Makes damaged pictures out of whole ones: bytes, lengths, pieces, splices, repetitions."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from scripts.bench.fuzz.cases import Case
from scripts.bench.fuzz.inputs.pieces import repair, split
from scripts.bench.fuzz.inputs.seeds import seed_pictures

MAX_BYTES = 6_000_000  # a request holds no more
LONG_BYTES = (100_000, 500_000, 2_000_000)  # of a file with one piece repeated
NUMBERS = (0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 1999, 2000, 4096, 32767, 32768, 65535,
           65536, 1 << 24, 2**31 - 1, 2**31, 2**32 - 1)  # fmt: skip
SIZES = (
    (1, 4_000_000), (4_000_000, 1), (2000, 2000), (1, 65_535), (65_500, 61), (1, 1), (0, 0),
    (16_383, 244), (17, 23), (1, 60_000_000), (60_000_000, 1), (8000, 7900),
)  # fmt: skip
FRAMES = (None, None, (8, 8), (64, 64), (640, 640), (3, 2000))

Step = Callable[[bytes, random.Random], bytes]


def make_case(rng: random.Random) -> Case:
    return Case("pictures", image_bytes=damaged_picture(rng), min_frame=rng.choice(FRAMES))


def damaged_picture(rng: random.Random) -> bytes:
    """A seed after some steps; sometimes none."""
    image_bytes = rng.choice(list(seed_pictures().values()))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5, 8))):
        image_bytes = rng.choice(_STEPS)(image_bytes, rng)
    if rng.random() < 0.02:
        image_bytes = _repeat_long(image_bytes, rng)
    if rng.random() < 0.6:
        image_bytes = repair(image_bytes)
    return image_bytes[:MAX_BYTES]


def _place(image_bytes: bytes, rng: random.Random) -> int:
    """An offset; headers come more often than pixels."""
    return int(rng.random() ** 2 * len(image_bytes))


def _flip_bits(image_bytes: bytes, rng: random.Random) -> bytes:
    changed = bytearray(image_bytes)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[_place(image_bytes, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set_number(image_bytes: bytes, rng: random.Random) -> bytes:
    at, size = _place(image_bytes, rng), rng.choice((1, 2, 2, 4, 4, 8))
    value = rng.choice(NUMBERS) % (1 << 8 * size)
    order = "little" if rng.random() < 0.5 else "big"
    return image_bytes[:at] + value.to_bytes(size, order) + image_bytes[at + size :]  # type: ignore[arg-type]


def _set_tiff_entry(image_bytes: bytes, rng: random.Random) -> bytes:
    """Another type, count or value of a directory's entry; of other formats any number."""
    pieces = split(image_bytes)
    entries = [i for i, piece in enumerate(pieces) if len(piece) == 12]
    if image_bytes[:2] not in (b"II", b"MM") or not entries:
        return _set_number(image_bytes, rng)
    order = "little" if image_bytes[:2] == b"II" else "big"
    i = rng.choice(entries)
    at, size = rng.choice(((0, 2), (2, 2), (4, 4), (8, 2), (8, 4), (8, 4)))
    value = rng.choice((*NUMBERS, *range(14), 320, 338, 330, 6, 32773, 34712, 50000)) % (
        1 << 8 * size
    )
    number = value.to_bytes(size, order)
    pieces[i] = pieces[i][:at] + number + pieces[i][at + size :]
    return b"".join(pieces)


def _set_size(image_bytes: bytes, rng: random.Random) -> bytes:
    """Another width and height, where the format says them: long sides, within most limits."""
    width, height = rng.choice(SIZES)
    if image_bytes.startswith(b"\x89PNG"):
        return image_bytes[:16] + struct.pack(">II", width, height) + image_bytes[24:]
    if image_bytes.startswith(b"BM"):
        return image_bytes[:18] + struct.pack("<II", width, height) + image_bytes[26:]
    if image_bytes[12:16] == b"VP8X":
        size = struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]
        return image_bytes[:24] + size + image_bytes[30:]
    if image_bytes[:2] in (b"II", b"MM"):
        order = "<" if image_bytes[:2] == b"II" else ">"
        for tag, side in ((256, width), (257, height)):
            at = image_bytes.find(struct.pack(f"{order}HHL", tag, 3, 1))
            if at > 0:
                entry = struct.pack(f"{order}HHLL", tag, 4, 1, side)
                image_bytes = image_bytes[:at] + entry + image_bytes[at + 12 :]
        return image_bytes
    frame = next(
        (at for kind in (0xC0, 0xC2) if (at := image_bytes.find(bytes((0xFF, kind)))) > 0), 0
    )
    size = struct.pack(">HH", min(height, 65535), min(width, 65535))
    return image_bytes[: frame + 5] + size + image_bytes[frame + 9 :] if frame else image_bytes


def _set_in_piece(image_bytes: bytes, rng: random.Random) -> bytes:
    """A number near the beginning of a piece: lengths and sizes."""
    pieces = split(image_bytes)
    i = rng.randrange(len(pieces))
    at, size = rng.randrange(20), rng.choice((1, 2, 4))
    value = rng.choice(NUMBERS) % (1 << 8 * size)
    order = "little" if rng.random() < 0.5 else "big"
    pieces[i] = pieces[i][:at] + value.to_bytes(size, order) + pieces[i][at + size :]  # type: ignore[arg-type]
    return b"".join(pieces)


def _cut(image_bytes: bytes, rng: random.Random) -> bytes:
    return image_bytes[: rng.randrange(len(image_bytes) + 1)]


def _drop_bytes(image_bytes: bytes, rng: random.Random) -> bytes:
    at = _place(image_bytes, rng)
    return image_bytes[:at] + image_bytes[at + rng.choice((1, 2, 4, 30)) :]


def _insert_bytes(image_bytes: bytes, rng: random.Random) -> bytes:
    at = _place(image_bytes, rng)
    added = rng.choice((rng.randbytes(4), bytes(16), b"\xff" * 8, image_bytes[at : at + 64]))
    return image_bytes[:at] + added + image_bytes[at:]


def _drop_piece(image_bytes: bytes, rng: random.Random) -> bytes:
    pieces = split(image_bytes)
    del pieces[rng.randrange(len(pieces))]
    return b"".join(pieces)


def _repeat_piece(image_bytes: bytes, rng: random.Random) -> bytes:
    pieces = split(image_bytes)
    i = rng.randrange(len(pieces))
    times = rng.choice((2, 2, 3, 20, 200))
    return b"".join((*pieces[:i], pieces[i] * times, *pieces[i + 1 :]))[: 2 * MAX_BYTES]


def _move_piece(image_bytes: bytes, rng: random.Random) -> bytes:
    pieces = split(image_bytes)
    piece = pieces.pop(rng.randrange(len(pieces)))
    pieces.insert(rng.randrange(len(pieces) + 1), piece)
    return b"".join(pieces)


def _borrow_piece(image_bytes: bytes, rng: random.Random) -> bytes:
    """A piece of another seed of the same format."""
    others = [seed for seed in seed_pictures().values() if seed[:2] == image_bytes[:2]]
    pieces = split(image_bytes)
    piece = rng.choice(split(rng.choice(others or [image_bytes])))
    pieces.insert(rng.randrange(len(pieces) + 1), piece)
    return b"".join(pieces)


def _splice(image_bytes: bytes, rng: random.Random) -> bytes:
    other = rng.choice(list(seed_pictures().values()))
    return image_bytes[: rng.randrange(len(image_bytes) + 1)] + other[_place(other, rng) :]


def _repeat_long(image_bytes: bytes, rng: random.Random) -> bytes:
    """One piece, or a few bytes, so often that the file is as long as a request may be."""
    size = rng.choice(LONG_BYTES)
    if rng.random() < 0.5:
        pieces = split(image_bytes)
        i = rng.randrange(len(pieces))
        before, piece, after = b"".join(pieces[:i]), pieces[i], b"".join(pieces[i + 1 :])
    else:
        at, length = _place(image_bytes, rng), rng.choice((1, 2, 4, 12, 30))
        before, piece, after = image_bytes[:at], image_bytes[at : at + length], image_bytes[at:]
    return before + (piece or b"\0") * (size // max(1, len(piece))) + after


_STEPS: tuple[Step, ...] = (
    _flip_bits, _flip_bits, _set_number, _set_number, _set_size, _set_tiff_entry, _set_in_piece,
    _set_in_piece, _cut, _drop_bytes, _insert_bytes, _drop_piece, _repeat_piece, _move_piece,
    _borrow_piece, _splice,
)  # fmt: skip
