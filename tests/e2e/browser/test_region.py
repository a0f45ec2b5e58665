"""Regions: what counts in them, how they are drawn, and the microscope's round field."""

from __future__ import annotations

import base64
import io
import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.e2e.browser.conftest import PHONE, Visit, opened
from tests.e2e.browser.pictures import STRONG, squares
from tests.e2e.browser.test_access import CONTRAST
from tests.support.paths import SHARED_DATA

PICTURE = ("squares.png", "image/png", squares())
PHOTOS = sorted((SHARED_DATA / "microalgae").glob("*/*.jpg"))
NO_FIELDS = sorted((SHARED_DATA / "fridge_samples" / "images").glob("*.jpg"))
Box = tuple[int, int, int, int]
Region = dict[str, Any]
# For each region, what each box counts, and the area.
COUNTED = """async ([regions, boxes, width, height]) => {
  await loadModel();
  return regions.map(region => [
    boxes.map(([x0, y0, x1, y1]) => weightIn({region, width, height}, {x0, y0, x1, y1})),
    regionArea({region, width, height})]);
}"""
FIELDS = """pictures => pictures.map(([width, height, text]) =>
  findField({width, height, data: Uint8Array.from(atob(text), each => each.charCodeAt(0))}))"""


def counted(
    visit: Visit, regions: list[Region], boxes: list[Box], width: int = 9000, height: int = 9000
) -> list[tuple[list[float], float]]:
    return visit.page.evaluate(COUNTED, [regions, boxes, width, height])  # type: ignore[no-any-return]


def corners(region: Region) -> list[tuple[int, int]]:
    n = region["numbers"]
    if region["shape"] == "rectangle":
        return [(n[0], n[1]), (n[2], n[1]), (n[2], n[3]), (n[0], n[3])]
    return list(zip(n[::2], n[1::2], strict=True))


def crosses(a: tuple[int, int], b: tuple[int, int], box: Box) -> bool:
    """Whether a segment has a point in a closed box: clipped (Liang and Barsky), in fractions."""
    low, high = Fraction(0), Fraction(1)
    for axis in (0, 1):
        step, (least, most) = b[axis] - a[axis], (box[axis], box[axis + 2])
        if not step:
            if not least <= a[axis] <= most:
                return False
            continue
        ends = sorted((Fraction(least - a[axis], step), Fraction(most - a[axis], step)))
        low, high = max(low, ends[0]), min(high, ends[1])
    return low <= high


def shifted(region: Region, by: int) -> Region:
    is_circle = region["shape"] == "circle"  # whose radius stays
    numbers = [n + by * (i < 2 or not is_circle) for i, n in enumerate(region["numbers"])]
    return {**region, "numbers": numbers}


def expected(region: Region, box: Box) -> float:
    """1 inside, 0.5 on the outline, 0 outside, in whole numbers and fractions."""
    x0, y0, x1, y1 = box
    if region["shape"] == "circle":
        cx, cy, r = region["numbers"]
        far = max(cx - x0, x1 - cx) ** 2 + max(cy - y0, y1 - cy) ** 2
        near = max(x0 - cx, 0, cx - x1) ** 2 + max(y0 - cy, 0, cy - y1) ** 2
        return 1 if far < r * r else 0.5 if near <= r * r else 0
    sides = list(itertools.pairwise([*corners(region), corners(region)[0]]))
    if any(crosses(a, b, box) for a, b in sides):
        return 0.5
    x, y = Fraction(x0 + x1, 2), Fraction(y0 + y1, 2)
    rights = sum(
        1
        for (ax, ay), (bx, by) in sides
        if (ay > y) != (by > y) and ax + Fraction(bx - ax) * (y - ay) / (by - ay) > x
    )
    return rights % 2


def test_what_counts_is_what_exact_arithmetic_says(visit: Visit) -> None:
    """Concave, degenerate and self-crossing polygons too; boxes that only touch the outline are on
    it. A polygon's first corner, its direction and a shift change nothing."""
    dice = np.random.default_rng(5)
    regions: list[Region] = []
    for _ in range(12):
        cx, cy, r = (int(n) for n in dice.integers(30, 60, 3))
        x, y, w, h = (int(n) for n in dice.integers(12, 45, 4))
        n = 2 * int(dice.integers(3, 9))
        regions += [
            {"shape": "circle", "numbers": [cx, cy, r]},
            {"shape": "rectangle", "numbers": [x, y, x + w, y + h]},
            {"shape": "polygon", "numbers": [int(each) for each in dice.integers(2, 99, n)]},
        ]
    regions.append({"shape": "polygon", "numbers": [10, 10, 50, 50, 10, 10]})
    regions = [shifted(each, 1000) for each in regions]  # away from the picture's edge
    starts = dice.integers(1002, 1090, (250, 2))
    sizes = dice.integers(1, 25, (250, 2))
    boxes = [
        (int(x), int(y), int(x + w), int(y + h))
        for (x, y), (w, h) in zip(starts, sizes, strict=True)
    ]
    polygons = [each for each in regions if each["shape"] == "polygon"]
    turned = [
        {"shape": "polygon", "numbers": [n for point in points for n in point]}
        for each in polygons
        for points in (corners(each)[2:] + corners(each)[:2], corners(each)[::-1])
    ]
    visit.expect("#name").to_contain_text("squares")
    all_regions = [{**each, "border": "half"} for each in regions + turned]
    results = counted(visit, all_regions, boxes)
    seen = set()
    for region, (weights, _) in zip(regions, results, strict=False):
        assert weights == [expected(region, box) for box in boxes], region
        seen |= set(weights)
    assert seen == {0, 0.5, 1}
    of_polygons = [
        each for each, region in zip(results, regions, strict=False) if region in polygons
    ]
    for i, (weights, area) in enumerate(results[len(regions) :]):
        assert weights == of_polygons[i // 2][0]
        assert area == pytest.approx(of_polygons[i // 2][1], rel=1e-3, abs=1)
    moved = [(a + 500, b + 500, c + 500, d + 500) for a, b, c, d in boxes]
    again = counted(visit, [shifted(each, 500) for each in all_regions], moved)
    assert [each for each, _ in again] == [each for each, _ in results]


def test_rules_for_the_border_and_areas(visit: Visit) -> None:
    """Areas beside px counted one by one; of squares side by side, one has each box."""
    visit.expect("#name").to_contain_text("squares")
    width, height = 300, 200
    regions = [
        {"shape": "circle", "numbers": [150, 100, 60]},
        {"shape": "circle", "numbers": [20, 180, 90]},  # cut by two edges of the picture
        {"shape": "rectangle", "numbers": [-20, 30, 120, 250]},
        {"shape": "polygon", "numbers": [20, 20, 280, 40, 150, 90, 260, 190, 40, 150]},
        {"shape": "polygon", "numbers": [50, 50, 250, 150, 250, 50, 50, 150]},  # crosses itself
    ]
    ys, xs = (np.mgrid[0 : height * 4, 0 : width * 4] + 0.5) / 4
    for region, (_, area) in zip(regions, counted(visit, regions, [], width, height), strict=True):
        n = region["numbers"]
        if region["shape"] == "circle":
            mask = np.hypot(xs - n[0], ys - n[1]) < n[2]
        else:
            mask = np.zeros(xs.shape, bool)
            points = corners(region)
            for (ax, ay), (bx, by) in itertools.pairwise([*points, points[0]]):
                if ay != by:
                    mask ^= ((ay > ys) != (by > ys)) & (xs < ax + (ys - ay) * (bx - ax) / (by - ay))
        assert area == pytest.approx(mask.sum() / 16, rel=0.002), region
    dice = np.random.default_rng(8)
    boxes = [
        (int(x), int(y), int(x + w), int(y + h)) for x, y, w, h in dice.integers(5, 90, (300, 4))
    ]
    tiles = [
        {"shape": "rectangle", "numbers": [x, y, x + 60, y + 60], "border": "two-sides"}
        for x in range(0, 240, 60)
        for y in range(0, 240, 60)
    ]
    of_tiles = np.array([each for each, _ in counted(visit, tiles, boxes)])
    assert of_tiles.sum(axis=0).tolist() == [1] * 300
    # the model's input has 64 px, so 10 px of a picture of 640 are one of its
    whole = {"shape": "rectangle", "numbers": [0, 0, 640, 640]}
    at_edges: list[Box] = [(9, 50, 90, 90), (50, 50, 90, 631), (11, 11, 90, 90), (550, 9, 629, 90)]
    rules = ("count", "half", "exclude", "two-sides")
    weights = [
        each
        for each, _ in counted(
            visit, [{**whole, "border": rule} for rule in rules], at_edges, 640, 640
        )
    ]
    assert weights == [[1, 1, 1, 1], [0.5, 0.5, 1, 0.5], [0, 0, 1, 0], [1, 0, 1, 1]]


def packed(picture: Image.Image) -> list[Any]:
    picture = picture.convert("RGBA")
    picture.thumbnail((256, 256))
    return [picture.width, picture.height, base64.b64encode(picture.tobytes()).decode()]


def drawn(values: np.ndarray) -> list[Any]:
    return packed(Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)))


def test_the_round_field_is_found_and_nothing_else_is(visit: Visit) -> None:
    """On drawn discs within half a px; on what is no disc in a dark surround, none."""
    ys, xs = np.mgrid[0:192, 0:256] + 0.5
    dice = np.random.default_rng(3)
    noise = dice.normal(0, 12, xs.shape)

    def disc(cx: float, cy: float, r: float) -> np.ndarray:
        return np.where(np.hypot(xs - cx, ys - cy) < r, 205.0, 14.0)

    cells = disc(120, 100, 85)
    for turn in np.arange(0, 6.2, 0.7):  # on the rim and within
        for far in (85, 40):
            cx, cy = 120 + far * np.cos(turn), 100 + far * np.sin(turn)
            cells[np.hypot((xs - cx) / 2, ys - cy) < 4] = 60
    cells[(abs(ys - 100) < 2) & (xs > 120)] = 8  # the eyepiece's pointer
    shade = 1 - 0.4 * (np.hypot(xs - 140, ys - 110) / 90) ** 2
    fields = {
        (128, 96, 80): disc(128, 96, 80),
        (100, 80, 60): disc(100, 80, 60) + noise,
        (130, 130, 100): disc(130, 130, 100) + noise,  # cut below
        (128, 96, 115): disc(128, 96, 115),  # cut above and below
        (120, 100, 85): cells,
        (140, 110, 90): disc(140, 110, 90) * shade,
    }
    away = np.hypot(xs - 128, ys - 96)
    none = [
        np.full(xs.shape, 128.0),
        np.zeros(xs.shape),
        xs,
        255 - away,  # bright in the middle, without a rim
        255 * np.exp(-((away / 70) ** 2)),
        210 * (1 - 0.95 * (away / 160) ** 6),  # a lens that darkens the corners
        noise * 3 + 128,
        np.where(away < 70, 20.0, 220.0),
        np.where((abs(xs - 128) < 80) & (abs(ys - 96) < 70), 220.0, 10.0),
        np.where(np.hypot((xs - 128) / 1.2, ys - 96) < 70, 220.0, 10.0),
        np.maximum(disc(70, 96, 50), disc(185, 96, 50)),
        disc(0, 0, 150),  # a quarter, of which too little is seen
    ]
    visit.expect("#name").to_contain_text("squares")
    for truth, found in zip(
        fields, visit.page.evaluate(FIELDS, [drawn(each) for each in fields.values()]), strict=True
    ):
        assert found == pytest.approx(truth, abs=0.6), truth
    others = [packed(Image.open(path)) for path in NO_FIELDS]
    found = visit.page.evaluate(FIELDS, [*(drawn(each) for each in none), *others])
    assert found == [None] * len(found)


def test_fields_are_found_on_pictures_that_are_not_on_the_stage(visit: Visit) -> None:
    ys, xs = np.mgrid[0:480, 0:640] + 0.5
    stream = io.BytesIO()
    field = np.where(np.hypot(xs - 300, ys - 240) < 200, 205, 14).astype(np.uint8)
    Image.fromarray(field).save(stream, "PNG")
    visit.choose(PICTURE, ("field.png", "image/png", stream.getvalue()))
    visit.expect("#items button[aria-label='field.png, count 0']").to_be_visible()
    visit.page.click("#region-card summary")
    visit.page.click("#region-find-all")
    visit.expect("#region-said").to_have_text("No round field found on squares.png.")
    found = visit.page.evaluate("items.map(item => item.region?.numbers ?? null)")
    assert found == [None, pytest.approx([300, 240, 200], abs=1)]


@pytest.mark.skipif(not PHOTOS, reason="the microalgae photos are missing: see SHARED_DATA")
def test_the_field_of_real_photos_has_its_rim_where_light_falls(visit: Visit) -> None:
    visit.expect("#name").to_contain_text("squares")
    turns = np.arange(0, 2 * np.pi, np.pi / 90)
    packs, lights = [], []
    for path in PHOTOS:
        photo = ImageOps.exif_transpose(Image.open(path))
        photo.draft("RGB", (512, 512))
        photo.thumbnail((256, 256))
        packs.append(packed(photo))
        lights.append(np.asarray(photo.convert("L"), float))
    for path, light, circle in zip(PHOTOS, lights, visit.page.evaluate(FIELDS, packs), strict=True):
        assert circle, path.name
        cx, cy, r = circle
        drops = []
        for turn in turns:
            inner, outer = (
                (int(cy + f * r * np.sin(turn)), int(cx + f * r * np.cos(turn)))
                for f in (0.96, 1.04)
            )
            if all(0 <= a < s for a, s in zip(outer, light.shape, strict=True)):
                drops.append(light[inner] - light[outer])
        # nearly all around; where half shade or the pointer lies on the rim, less falls
        assert len(drops) > 60 and np.mean(np.array(drops) > 25) > 0.8, path.name


def drag(visit: Visit, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = visit.page.mouse
    mouse.move(*visit.place(*start))
    mouse.down()
    mouse.move(*visit.place(*end), steps=3)
    mouse.up()


def numbers(visit: Visit) -> Any:
    return visit.page.evaluate("current.region?.numbers.map(Math.round) ?? null")


def test_by_mouse_keyboard_and_numbers(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    page = visit.page
    page.click("#region-on")
    visit.expect("#region-said").to_contain_text("Drag from the middle")
    drag(visit, (120, 120), (120, 220))
    visit.expect_count(1)
    visit.expect("#count-of").to_have_text("object in the region, 2 outside")
    visit.expect("#region-said").to_contain_text("1 inside, 0 on the border, 2 outside. 7.7 %")
    visit.expect("#live").to_contain_text("1 object in the region, 2 outside")
    drag(visit, (120, 120), (160, 120))  # moves it
    assert numbers(visit) == [160, 120, 100]
    drag(visit, (160, 220), (160, 170))  # resizes it by its rim
    assert numbers(visit) == [160, 120, 50]
    visit.expect_count("0.5")
    _, saved = visit.saved("JSON")
    report = json.loads(saved)
    assert report["count"] == 0.5 and report["counts"] == {"red": 0.5, "green": 0}
    assert report["region"]["shape"] == "circle" and report["region"]["border"] == "half"
    assert report["region"]["boxes"] == {"inside": 0, "border": 1, "outside": 2}
    assert report["area_px2"] == pytest.approx(np.pi * 2500, rel=0.02)
    _, saved = visit.saved("CSV")
    assert saved.decode().splitlines()[0].split(",").index("in_region") > 0
    page.select_option("#region-border", "count")
    visit.expect_count(1)
    page.select_option("#region-border", "exclude")
    visit.expect_count(0)
    page.focus("#stage")
    page.keyboard.press("Delete")
    visit.expect_count(STRONG)
    assert numbers(visit) is None
    page.keyboard.press("Enter")  # the largest circle in the middle
    assert numbers(visit) == [320, 320, 320]
    visit.expect_count("2.5")
    before = page.evaluate("current.region.numbers")
    for key in ("ArrowLeft", "ArrowUp", "-"):
        page.keyboard.press(key)
    after = page.evaluate("current.region.numbers")
    assert after[0] < before[0] and after[1] < before[1]
    assert after[2] == pytest.approx(before[2] / 1.05)
    page.fill("#region-numbers", "320, 320, 400")
    page.keyboard.press("Tab")
    visit.expect_count(STRONG)
    for wrong in ("320 320", "320 320 -5", "much"):
        page.fill("#region-numbers", wrong)
        page.keyboard.press("Tab")
        visit.expect("#region-numbers").to_have_value("320 320 400")
    page.select_option("#region-shape", "rectangle")
    visit.expect("#region-border").to_have_value("two-sides")
    page.fill("#region-numbers", "120 120 360 280")  # over two boxes' corners
    page.keyboard.press("Tab")
    visit.expect_count(1)  # the one on its top and left
    drag(visit, (360, 280), (500, 600))
    assert numbers(visit) == [120, 120, 500, 600]
    visit.expect_count(3)
    page.select_option("#region-shape", "edge")
    visit.expect_count(STRONG)
    visit.expect("#region-shape").to_have_value("edge")
    page.click("#region-clear")
    visit.expect("#count-of").to_have_text("objects")


def test_a_polygon_by_taps_and_on_all_pictures(chromium: Any, url: str) -> None:
    small = io.BytesIO()
    Image.open(io.BytesIO(PICTURE[2])).resize((320, 320)).save(small, "PNG")
    with opened(chromium, url, **PHONE) as visit:
        visit.choose(("small.png", "image/png", small.getvalue()), PICTURE)
        page = visit.page
        visit.expect("#items button[aria-label='squares.png, count 3']").to_be_visible()
        page.evaluate("show(items[1])")
        page.tap("#region-card summary")
        page.select_option("#region-shape", "polygon")
        stage = page.locator("#stage")
        stage.scroll_into_view_if_needed()
        for point in ((40, 40), (600, 60), (560, 620), (200, 620), (40, 40)):
            page.touchscreen.tap(*visit.place(*point))
        visit.expect("#region-said").to_contain_text("3 inside, 0 on the border")
        assert visit.page.evaluate("current.region.numbers.length") == 8
        wire = page.context.new_cdp_session(page)  # a finger that drags a corner

        def touch(kind: str, *points: tuple[float, float]) -> None:
            spots = [dict(zip("xy", visit.place(*each), strict=True)) for each in points]
            wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

        touch("touchStart", (600, 60))
        touch("touchMove", (400, 100))
        touch("touchMove", (250, 150))
        touch("touchEnd")
        visit.expect("#region-said").to_contain_text("0 inside, 3 on the border, 0 outside")
        page.tap("#region-all")
        scaled = page.evaluate("items.map(item => item.region.numbers)")
        assert scaled[0] == pytest.approx([each / 2 for each in scaled[1]])
        assert page.evaluate("items.map(countOf)") == [page.evaluate("countOf(current)")] * 2
        page.tap("#region-find-all")
        visit.expect("#region-said").to_contain_text(
            "No round field found on small.png, squares.png"
        )
        assert page.evaluate(CONTRAST) == []
        small_ones = page.evaluate(
            """() => [...document.querySelectorAll('#region-card :is(button, select, input)')]
              .filter(each => each.checkVisibility() && each.getBoundingClientRect().height < 44)
              .map(each => each.id)"""
        )
        assert small_ones == []
