"""A HEIC of any size, made of one small tile that is referred to again and again (ISO/IEC 23008-12,
6.6.2.3.2): nothing here can encode HEVC."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_SEED = Path(__file__).with_name("seed.heic")
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}  # bytes before the boxes within
_WHOLE = 1  # the item shown; its parts follow
_INNER = 25  # tiles on a side of an inner grid


def make_heic_grid(side: int) -> bytes:
    """A square of `side` px: a grid of grids, for libheif takes no more than 1,000 tiles in one."""
    seed = _SEED.read_bytes()
    boxes = dict(_walk(seed, 0, len(seed)))
    tile = _first_item(seed, boxes[b"iloc"])
    tile_side = struct.unpack(">4xII", boxes[b"ispe"])[0]
    inner_side = tile_side * _INNER
    outer = -(-side // inner_side)
    inner_items = range(_WHOLE + 1, _WHOLE + 1 + outer**2)
    tile_items = range(inner_items.stop, inner_items.stop + _INNER**2)
    grid, inner_grid = _grid(outer, side), _grid(_INNER, inner_side)
    properties = [
        _box(b"hvcC", boxes[b"hvcC"]),
        *(_box(b"ispe", struct.pack(">III", 0, px, px)) for px in (tile_side, inner_side, side)),
    ]
    data = {_WHOLE: (b"grid", 0, grid, (4,))}
    data |= {item: (b"grid", len(grid), inner_grid, (3,)) for item in inner_items}
    tile_at = len(grid) + len(inner_grid)
    data |= dict.fromkeys(tile_items, (b"hvc1", tile_at, tile, (1, 2)))
    infos = [_info(item, kind, hidden=item != _WHOLE) for item, (kind, *_) in data.items()]
    associations = struct.pack(">I", len(data)) + b"".join(
        struct.pack(">HB", item, len(numbers)) + bytes(0x80 | number for number in numbers)
        for item, (*_, numbers) in data.items()
    )
    references = [_reference(_WHOLE, inner_items)]
    references += [_reference(item, tile_items) for item in inner_items]
    ftyp = _box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def meta(data_at: int) -> bytes:
        locations = struct.pack(">BBH", 0x44, 0, len(data)) + b"".join(
            struct.pack(">HHHII", item, 0, 1, data_at + before, len(body))
            for item, (_, before, body, _) in data.items()
        )
        return _full_box(
            b"meta",
            _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            _full_box(b"pitm", struct.pack(">H", _WHOLE)),
            _full_box(b"iinf", struct.pack(">H", len(infos)), *infos),
            _full_box(b"iref", *references),
            _box(b"iprp", _box(b"ipco", *properties), _full_box(b"ipma", associations)),
            _full_box(b"iloc", locations),
        )

    data_at = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(data_at) + _box(b"mdat", grid, inner_grid, tile)


def _grid(count: int, side: int) -> bytes:
    """The description of a square grid of so many tiles on a side, of `side` px."""
    return struct.pack(">BBBBII", 0, 1, count - 1, count - 1, side, side)


def _reference(item: int, parts: range) -> bytes:
    return _box(b"dimg", struct.pack(f">HH{len(parts)}H", item, len(parts), *parts))


def _info(item: int, kind: bytes, *, hidden: bool = False) -> bytes:
    return _box(b"infe", bytes((2, 0, 0, int(hidden))), struct.pack(">HH", item, 0), kind, b"\0")


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full_box(kind: bytes, *parts: bytes) -> bytes:
    return _box(kind, bytes(4), *parts)


def _walk(file: bytes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box, those of containers among them; the first of a kind comes last."""
    found = []
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", file, start)
        body = start + 8
        if kind in _CONTAINERS:
            found += list(_walk(file, body + _CONTAINERS[kind], start + length))
        found.append((kind, file[body : start + length]))
        start += length
    yield from reversed(found)


def _first_item(file: bytes, iloc: bytes) -> bytes:
    """The data of the first item, in one extent."""
    version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    at = 8 + 2 + (2 if version else 0) + 2 + base_bytes + 2
    offset = int.from_bytes(iloc[at : at + offset_bytes], "big")
    base = int.from_bytes(iloc[at - 2 - base_bytes : at - 2], "big")
    length = int.from_bytes(iloc[at + offset_bytes : at + offset_bytes + length_bytes], "big")
    return file[base + offset : base + offset + length]
