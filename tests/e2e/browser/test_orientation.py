"""Boxes lie on their objects in every EXIF orientation and format, whatever the browser makes of
it: Chromium turns a JPEG, and no WebP."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from handler.images.decode import decode
from tests.e2e.browser.conftest import Visit
from tests.support.paths import SHARED_DATA
from tests.support.tiny_bundle import paint

# Cells of the tiny detector are 80 px here, and lie alike in the letterboxed picture.
SIZE = (640, 480)
SQUARES = [("red", (80, 80, 160, 160)), ("green", (400, 240, 480, 320))]
KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
# What the file holds so that the orientation turns it upright: the inverse of EXIF's own.
LYING = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


def lying(kind: str, orientation: int, *, by: str = "exif") -> bytes:
    """A file of squares that are upright once the orientation is applied."""
    picture = Image.fromarray(paint(*SIZE, SQUARES))
    for turn in LYING[orientation]:
        picture = picture.transpose(turn)
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"exif": exif} if by == "exif" else {"xmp": XMP % orientation}
    if by == "xmp" and kind == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % orientation).decode())
    picture.save(stream, kind, quality=95, **options)
    data = stream.getvalue()
    made = decode(data, max_pixels=10**6)
    assert (made.orientation, made.width, made.height) == (orientation, *SIZE)
    return data


ALL_ARE_COUNTED = """async (n) => {
  const isOver = (item) => ['done', 'failed'].includes(item.state);
  while (items.length < n || !items.every(isOver)) await new Promise((go) => setTimeout(go, 20));
}"""
SEEN = """async (i) => {
  const item = items[i];
  show(item);
  await opened(item);
  const colourAt = (pen, x, y) => [...pen.getImageData(Math.round(x), Math.round(y), 1, 1).data].slice(0, 3);
  const sheet = draw(item.image, item.width, item.height, 640, 'high').getContext('2d');
  const thumb = new Image();
  thumb.src = item.thumb;
  await thumb.decode();
  const small = document.createElement('canvas');
  [small.width, small.height] = [640, 480];
  small.getContext('2d').drawImage(thumb, 0, 0, 640, 480);
  fit();
  const stageAt = stage.getBoundingClientRect();
  return { name: item.name, size: [item.width, item.height], found: item.found.map((each) => {
    const x = (each.x0 + each.x1) / 2, y = (each.y0 + each.y1) / 2, on = toStage({ x, y });
    return { label: each.label, box: [each.x0, each.y0, each.x1, each.y1], drawn: colourAt(sheet, x, y),
             small: colourAt(small.getContext('2d'), x, y), at: [stageAt.x + on.x, stageAt.y + on.y] };
  }) };
}"""  # noqa: E501


def looks(label: str, colour: Any) -> bool:
    red, green, blue = (int(each) for each in colour)
    return (red > 180 > 90 > green if label == "red" else green > 180 > 90 > red) and blue < 90


def check(visit: Visit, i: int) -> None:
    seen = visit.page.evaluate(SEEN, i)
    assert seen["size"] == list(SIZE), seen["name"]
    assert sorted((each["label"], tuple(each["box"])) for each in seen["found"]) == sorted(SQUARES)
    visit.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    shot = np.asarray(Image.open(io.BytesIO(visit.page.screenshot())).convert("RGB"))
    for each in seen["found"]:
        x, y = (round(px) for px in each["at"])
        for where, colour in (
            ("drawn", each["drawn"]),
            ("thumb", each["small"]),
            ("stage", shot[y, x]),
        ):
            assert looks(each["label"], colour), (seen["name"], where, each["label"], colour)


def test_boxes_lie_on_their_squares_in_every_orientation(visit: Visit) -> None:
    files = [
        (f"{kind}-{orientation}", mime, lying(kind, orientation))
        for kind, mime in KINDS.items()
        for orientation in LYING
    ]
    visit.choose(*files)
    visit.page.evaluate(ALL_ARE_COUNTED, len(files))
    for i in range(len(files)):
        check(visit, i)
    name, saved = visit.saved("Picture")  # of the last one, which lies
    assert name == "WEBP-8-annotated.jpg"
    with Image.open(io.BytesIO(saved)) as picture:
        assert picture.size == SIZE and looks("red", picture.getpixel((120, 120)))


def test_what_is_sent_scaled_is_upright(visit: Visit, sizes: list[int]) -> None:
    visit.page.get_by_role("switch", name="Save data").check()
    files = [(f"{kind}-6", mime, lying(kind, 6)) for kind, mime in KINDS.items()]
    visit.choose(*files)
    visit.page.evaluate(ALL_ARE_COUNTED, len(files))
    assert visit.page.evaluate("items.some((item) => item.sent.isScaled)")
    for i in range(len(files)):
        check(visit, i)


def test_the_page_reads_an_orientation_as_the_api_does(visit: Visit) -> None:
    """Of several blocks, of XMP, and of values that there are not."""
    files = [lying(kind, 6, by="xmp") for kind in ("JPEG", "PNG", "WEBP")]
    jpeg = lying("JPEG", 3)
    at = jpeg.index(b"Exif\0\0") - 4
    block = jpeg[at : at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")]
    odd = [jpeg[:2] + block + jpeg[2:], jpeg[:at] + jpeg[at + len(block) :]]
    tag = jpeg.index(bytes.fromhex("0112 0003 00000001"))
    odd += [jpeg[: tag + 8] + value + jpeg[tag + 10 :] for value in (b"\0\0", b"\0\x09", b"\xff\3")]
    odd += [jpeg[:at] + b"\xff\xff\xff" + jpeg[at:], jpeg[:tag] + b"\1\x13" + jpeg[tag + 2 :]]
    for data in [*files, *odd]:
        expected = decode(data, max_pixels=10**6).orientation
        read = visit.page.evaluate(
            """async (bytes) => {
              const data = new Uint8Array(bytes), file = new Blob([data]);
              const { orientation, blob } = withoutOrientation(file, data);
              const bitmap = await createImageBitmap(blob);
              return [orientation, bitmap.width];
            }""",
            list(data),
        )
        with Image.open(io.BytesIO(data)) as raw:
            assert read == [expected, raw.width]


def test_an_orientation_that_only_the_api_reads_turns_the_picture(visit: Visit) -> None:
    def answer(route: Any) -> None:
        made = json.loads(route.fetch().text())
        made["image"] |= {"orientation": 8, "width": 480, "height": 640}
        route.fulfill(json=made)

    visit.page.route("**/v1/detect*", answer)
    visit.choose(("a.png", "image/png", lying("PNG", 1)))
    visit.page.evaluate(ALL_ARE_COUNTED, 1)
    assert visit.page.evaluate(
        "[items[0].width, items[0].height, items[0].image.orientation]"
    ) == [480, 640, 8]  # fmt: skip


@pytest.mark.needs_shared_data
def test_odd_files_are_drawn_as_the_api_sees_them(visit: Visit) -> None:
    folder = SHARED_DATA / "odd_inputs"
    names = ["jpeg_no_eoi.jpg", "bmp-rle-eol.bmp", "png_text_over_1mb.png", "grey12_packed.tif"]
    files = [folder / name for name in names if (folder / name).exists()]
    visit.choose(*files)
    visit.page.evaluate(ALL_ARE_COUNTED, len(files))
    sizes = visit.page.evaluate(
        "items.filter((item) => item.answer).map((item) => [item.width, item.height,"
        " item.answer.image.width, item.answer.image.height])"
    )
    assert sizes and all(each[:2] == each[2:] for each in sizes)
