"""What a person does with the page: pictures in by every way, and what comes of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.browser.conftest import PHONE, Visit, opened
from tests.e2e.browser.pictures import ALL, RED, STRONG, STRONG_RED, squares
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app

PICTURE = ("squares.png", "image/png", squares())
# A file in the page's hands, as a DataTransfer.
CARRY = """async bytes => {
  const carried = new DataTransfer();
  carried.items.add(new File([new Uint8Array(bytes)], "carried.png", {type: "image/png"}));
  return carried;
}"""


def carried(visit: Visit, data: bytes = PICTURE[2]) -> Any:
    return visit.page.evaluate_handle(CARRY, list(data))


def test_the_title_and_page_name_the_model_and_what_it_finds(visit: Visit) -> None:
    visit.expect("#name").to_have_text("squares 1.0.0")
    visit.expect("#finds").to_have_text("Finds red, green")
    assert visit.page.title() == "squares: red, green"


def test_a_chosen_picture_is_counted(visit: Visit) -> None:
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose pictures").click()
    chooser.value.set_files([{"name": "a.png", "mimeType": "image/png", "buffer": PICTURE[2]}])
    visit.expect_count(STRONG)
    visit.expect("#facts").to_contain_text("a.png, 640 × 640 px.")
    assert len(visit.posts) == 1


def test_a_warning_stands_below_the_count(visit: Visit) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (640, 480)).save(stream, "PNG")
    black = {"name": "a.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    visit.page.set_input_files("#files", [black])
    visit.expect_count(0)
    visit.expect("#warnings li").to_contain_text("The picture is almost black")
    other = {"name": "b.png", "mimeType": "image/png", "buffer": PICTURE[2]}
    visit.page.set_input_files("#files", [other])
    visit.expect_count(STRONG)
    visit.expect("#warnings").to_be_hidden()


def test_a_dropped_picture_is_counted(visit: Visit) -> None:
    files = carried(visit)
    visit.page.dispatch_event("body", "dragenter", {"dataTransfer": files})
    visit.expect("#drop").to_be_visible()
    visit.page.dispatch_event("body", "drop", {"dataTransfer": files})
    visit.expect("#drop").to_be_hidden()
    visit.expect_count(STRONG)


def test_a_pasted_picture_is_counted(visit: Visit) -> None:
    visit.page.evaluate(
        "files => document.dispatchEvent(new ClipboardEvent('paste',"
        " {clipboardData: files, bubbles: true, cancelable: true}))",
        carried(visit),
    )
    visit.expect_count(STRONG)


def test_a_photo_is_taken_with_the_phones_camera(phone: Visit, visit: Visit) -> None:
    with phone.page.expect_file_chooser() as chooser:
        phone.page.get_by_role("button", name="Take a photo").tap()
    camera = chooser.value.element
    assert camera.get_attribute("capture") == "environment"
    chooser.value.set_files([{"name": "b.png", "mimeType": "image/png", "buffer": PICTURE[2]}])
    phone.expect_count(STRONG)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    visit.expect("#photo").to_be_hidden()  # a mouse has no camera


def test_the_threshold_filters_without_a_request(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    visit.expect("#threshold").to_have_value("0.5")  # of GET /v1/model
    for value, count in ((0.2, ALL), (0.9, 2), (0.7, STRONG)):
        visit.slide(value)
        visit.expect_count(count)
    visit.page.get_by_role("button", name="Reset").click()
    visit.expect_count(STRONG)
    visit.expect("#threshold-hint").to_have_text("The model's default.")
    assert len(visit.posts) == 1
    assert "score_threshold=0.1&" in visit.posts[0].url  # the model's floor


def test_a_threshold_between_the_sliders_steps_is_the_models_own(
    chromium: Any, url: str, app: App
) -> None:
    def finer(route: Any) -> None:
        model = json.loads(app.send("GET", "/v1/model").body)
        model["thresholds"]["score"] = 0.4567
        route.fulfill(json=model)

    with opened(chromium, url, before=lambda page: page.route("**/v1/model", finer)) as visit:
        visit.choose(PICTURE)
        visit.expect("#threshold-hint").to_have_text("The model's default.")
        visit.slide(0.8)
        visit.expect("#threshold-hint").to_have_text("The model's default is 0.46.")
        visit.slide(0.46)
        _, saved = visit.saved("JSON")
        assert json.loads(saved)["thresholds"]["score"] == 0.4567


def test_classes_are_counted_and_hidden_each(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)
    chips = visit.page.get_by_role("list", name="Classes").get_by_role("checkbox")
    assert [chip.get_attribute("aria-label") for chip in chips.all()] == [None, None]
    visit.expect("#classes").to_contain_text(f"red {STRONG_RED}")
    visit.page.get_by_role("checkbox", name="green").uncheck()
    visit.expect_count(STRONG_RED)
    visit.expect("#count-of").to_have_text("objects, 1 more hidden")
    visit.slide(0.2)
    visit.expect_count(RED)
    _, saved = visit.saved("JSON")
    assert json.loads(saved)["counts"] == {"red": RED}
    visit.page.get_by_role("checkbox", name="green").check()
    visit.expect_count(ALL)
    assert len(visit.posts) == 1


def test_the_interval_stands_beside_the_models_own_count_only(chromium: Any, url: str) -> None:
    """The API's own, never reckoned by the page; or why there is none; or nothing of an API from
    before."""
    interval = {"low": 2, "high": 5, "coverage": 0.9}
    told: dict[str, Any] = {"count_interval": interval, "no_interval": None}

    def calibrated(route: Any) -> None:
        answer = route.fetch()
        made = answer.json()
        made["at_model_thresholds"] = {**made["at_model_thresholds"], **told} if told else None
        route.fulfill(response=answer, json=made)

    with opened(chromium, url, before=lambda page: page.route("**/v1/detect*", calibrated)) as made:
        made.choose(PICTURE)
        words = "in pictures like those it was calibrated on: 2–5"
        made.expect("#interval").to_have_text(words)
        _, saved = made.saved("JSON")
        assert json.loads(saved)["count_interval"] == interval
        assert json.loads(saved)["no_interval"] is None
        made.slide(0.6)
        made.expect("#interval").to_be_hidden()
        made.slide(0.5)
        made.expect("#interval").to_be_visible()
        made.page.get_by_role("checkbox", name="green").uncheck()
        made.expect("#interval").to_be_hidden()
        _, saved = made.saved("JSON")
        assert json.loads(saved)["count_interval"] is None
        made.page.get_by_role("checkbox", name="green").check()
        made.expect("#interval").to_have_text(words)
        told.update(count_interval=None, no_interval="the picture is darker than those")
        made.choose(PICTURE)
        made.expect("#interval").to_have_text("No interval: the picture is darker than those")
        _, saved = made.saved("JSON")
        assert json.loads(saved)["count_interval"] is None
        assert json.loads(saved)["no_interval"] == "the picture is darker than those"
        told.clear()
        with made.page.expect_response("**/v1/detect*"):  # or it would outlive the page
            made.choose(PICTURE)
        made.expect("#busy").to_be_hidden()
        made.expect("#interval").to_be_hidden()


def test_saved_files_have_what_is_shown(visit: Visit) -> None:
    visit.choose(('my, "squares".png', "image/png", PICTURE[2]))
    visit.expect_count(STRONG)
    visit.slide(0.2)
    name, text = visit.saved("JSON")
    whole = json.loads(text)
    assert name == "my_squares_.json"
    assert whole["file"] == 'my, "squares".png' and whole["count"] == ALL
    assert whole["image"] == {"width": 640, "height": 640}
    assert whole["sent"]["width"] == whole["sent"]["height"] == 640  # as it is
    assert whole["thresholds"]["score"] == 0.2 and whole["model"]["name"] == "squares"
    name, text = visit.saved("CSV")
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert name == "my_squares_.csv" and len(rows) == ALL
    assert [row["label"] for row in rows] == [each["label"] for each in whole["detections"]]
    assert rows[0]["file"] == 'my, "squares".png'
    boxes = [
        {side: float(row[f"{side}_px"]) for side in each["box"]}
        for row, each in zip(rows, whole["detections"], strict=True)
    ]
    assert boxes == [each["box"] for each in whole["detections"]]


def test_the_saved_picture_is_the_original_with_its_boxes(visit: Visit) -> None:
    big = Image.open(io.BytesIO(PICTURE[2])).resize((2560, 2560), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    big.save(stream, "PNG")
    visit.choose(("big.png", "image/png", stream.getvalue()))
    visit.expect_count(STRONG)
    name, data = visit.saved("Picture")
    assert name == "big-annotated.jpg"
    with Image.open(io.BytesIO(data)) as saved:
        pixels = np.asarray(saved.convert("RGB")).astype(int)
    assert pixels.shape == (2560, 2560, 3)
    edge = pixels[4 * 240 - 1 : 4 * 240 + 2, 4 * 360]  # top of the second square's box
    assert np.abs(edge - (213, 94, 0)).max() < 40
    assert np.abs(pixels[2400, 1200] - 200).max() < 8  # the ground beside it


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_lie_as_the_api_has_them_of_the_original(
    visit: Visit, app: App, orientation: int
) -> None:
    """Turned by EXIF, and scaled on the way: the same pixels of the upright original."""
    data = squares("JPEG", orientation, quality=95)
    expected = json.loads(app.post(data).body)["detections"]
    visit.choose(("turned.jpg", "image/jpeg", data))
    visit.expect_count(STRONG)
    _, saved = visit.saved("JSON")
    found = json.loads(saved)["detections"]
    key = lambda each: (each["label"], each["box"]["xmin"], each["box"]["ymin"])  # noqa: E731
    for one, other in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        assert one["label"] == other["label"]
        assert [*one["box"].values()] == pytest.approx([*other["box"].values()], abs=3)


def test_labels_compare_and_zoom_change_the_view(visit: Visit) -> None:
    visit.choose(PICTURE)
    visit.expect_count(STRONG)

    def drawn() -> int:
        """Px of the canvas that are not clear, after the next frame."""
        return visit.page.evaluate(
            """async () => {
              await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
              const canvas = document.getElementById('boxes');
              const pen = canvas.getContext('2d');
              const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
              let n = 0;
              for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
              return n;
            }"""
        )

    plain = drawn()
    assert plain > 0
    visit.page.get_by_role("button", name="Labels").click()
    assert drawn() > plain + 500
    visit.page.get_by_role("button", name="Labels").click()
    assert drawn() == plain
    visit.page.get_by_role("button", name="Compare").click()
    middle = drawn()
    visit.page.get_by_role("slider", name="Divider").press("End")
    assert drawn() == 0
    visit.page.get_by_role("slider", name="Divider").press("Home")
    assert 0 < middle < drawn()
    visit.page.get_by_role("button", name="Compare").click()

    transform = lambda: visit.page.locator("#picture").evaluate("each => each.style.transform")  # noqa: E731
    whole = transform()
    stage = visit.page.locator("#stage").bounding_box()
    visit.page.mouse.move(stage["x"] + 300, stage["y"] + 200)
    visit.page.mouse.wheel(0, -400)
    visit.expect("#zoom").not_to_have_text("100 %")
    zoomed = transform()
    assert zoomed != whole
    visit.page.mouse.down()
    visit.page.mouse.move(stage["x"] + 250, stage["y"] + 180, steps=3)
    visit.page.mouse.up()
    assert transform() != zoomed
    visit.page.get_by_role("button", name="Show the whole picture").click()
    assert transform() == whole
    assert len(visit.posts) == 1


def test_two_fingers_zoom(phone: Visit) -> None:
    phone.choose(PICTURE)
    phone.expect_count(STRONG)
    stage = phone.page.locator("#stage").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    wire = phone.page.context.new_cdp_session(phone.page)

    def touch(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        wire.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []}
        )

    touch("touchStart", 30)
    for apart in (40, 50, 60, 75, 90):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    zoom = int(re.sub(r"\D", "", phone.page.locator("#zoom").inner_text()))
    assert 200 < zoom < 400  # the fingers went three times as far apart
    phone.page.get_by_role("button", name="Zoom out").tap()


def test_a_correction_is_kept_with_its_prediction(visit: Visit, app: App) -> None:
    def kept() -> list[Any]:
        files = app.log_root.glob("feedback/**/*.json.gz")
        return [json.loads(gzip.decompress(path.read_bytes())) for path in files]

    visit.choose(PICTURE)
    visit.expect("#corrected").to_have_value(str(STRONG))
    visit.page.get_by_role("button", name="One more").click()
    visit.page.get_by_role("button", name="Send", exact=True).click()
    visit.expect("#correct-said").to_contain_text("Thank you: 4 is stored")
    _, saved = visit.saved("JSON")
    [feedback] = kept()
    assert feedback["prediction_id"] == json.loads(saved)["prediction_id"]
    assert feedback["count"] == 4
    for wrong in ("-1", "2.5", ""):
        visit.page.locator("#corrected").fill(wrong)
        visit.page.get_by_role("button", name="Send", exact=True).click()
        visit.expect("#correct-said").to_have_text("A count is a whole number, 0 or more.")
    assert len(kept()) == 1


def test_a_correction_that_is_refused_says_why(chromium: Any, url: str) -> None:
    problem = {"type": "urn:icebox:problem:not-found", "title": "Not found", "status": 404}
    problem["detail"] = "there is no prediction with this id"

    def refused(route: Any) -> None:
        route.fulfill(status=404, json=problem)

    with opened(chromium, url, before=lambda page: page.route("**/feedback", refused)) as visit:
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Send", exact=True).click()
        visit.expect("#correct-said").to_have_text("There is no prediction with this id.")
        visit.expect("#correct").to_be_visible()


def test_corrections_disappear_where_there_is_no_log(
    chromium: Any, tiny_bundle: Path, tmp_path: Path
) -> None:
    with (
        make_app(tiny_bundle, tmp_path, PREDICTION_LOG="") as app,
        serving(app.module.lambda_handler) as url,
        opened(chromium, f"{url}/") as visit,
    ):
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Send", exact=True).click()
        visit.expect("#correct").to_be_hidden()
        visit.expect("#live").to_have_text("This API does not store corrections.")


@pytest.mark.parametrize("status", [404, 405])
def test_corrections_disappear_before_an_older_function(
    chromium: Any, url: str, status: int
) -> None:
    def missing(route: Any) -> None:
        detail = "there is no such path; there are …"
        body = {"type": "urn:icebox:problem:not-found", "title": "Not found", "detail": detail}
        route.fulfill(status=status, json=body)

    with opened(chromium, url, before=lambda page: page.route("**/feedback", missing)) as visit:
        visit.choose(PICTURE)
        visit.expect_count(STRONG)
        visit.page.get_by_role("button", name="Send", exact=True).click()
        visit.expect("#correct").to_be_hidden()
        visit.expect("#live").to_have_text("This API does not store corrections.")


def test_several_pictures_stand_side_by_side(visit: Visit) -> None:
    empty = io.BytesIO()
    Image.new("RGB", (640, 640), (200, 200, 200)).save(empty, "PNG")
    visit.choose(PICTURE, ("empty.png", "image/png", empty.getvalue()))
    first = visit.page.get_by_role("button", name=f"squares.png, count {STRONG}")
    second = visit.page.get_by_role("button", name="empty.png, count 0")
    second.click()
    visit.expect_count(0)
    assert second.get_attribute("aria-current") == "true"
    first.click()
    visit.expect_count(STRONG)
    visit.choose(("third.png", "image/png", PICTURE[2]))
    visit.page.get_by_role("button", name=f"third.png, count {STRONG}").wait_for()
    assert len(visit.posts) == 3


def test_the_page_works_behind_a_stage(chromium: Any, url: str) -> None:
    """As a REST API serves it, at /prod: all addresses are below, with a last slash or without."""

    def behind(route: Any) -> None:
        target = route.request.url.replace("/prod/", "/").removesuffix("prod")
        if "/prod" not in route.request.url:
            route.abort()
        else:
            route.fulfill(response=route.fetch(url=target))

    for path in ("prod", "prod/"):
        with opened(
            chromium, f"{url}{path}", before=lambda page: page.route("**/*", behind), **PHONE
        ) as visit:
            visit.choose(PICTURE)
            visit.expect_count(STRONG)
            assert visit.posts[0].url.startswith(f"{url}prod/v1/detect?")
            manifest = visit.page.locator("link[rel=manifest]").evaluate("each => each.href")
            assert manifest == f"{url}prod/manifest.webmanifest"
