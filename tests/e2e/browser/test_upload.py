"""What is sent: the file itself; less of it where that is asked for, or where it is too large."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright import sync_api

from tests.e2e.browser.conftest import PHONE, Visit, opened, weighed
from tests.e2e.browser.pictures import STRONG, photo, squares
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app
from tests.support.moto_s3 import keys, make_bucket
from tests.support.paths import ROOT, SHARED_DATA
from tests.template import cloudformation

REAL = SHARED_DATA / "microalgae" / "labeled"


SAVE = "Save data"


def test_a_photo_is_sent_as_it_is_unless_data_is_saved(
    sizes: list[int], chromium: Any, url: str
) -> None:
    data = photo(1600, 1200)
    with opened(chromium, url, **PHONE) as visit:
        visit.choose(("photo.jpg", "image/jpeg", data))
        visit.expect("#facts").to_contain_text("photo.jpg, 1,600 × 1,200 px. Sent as it is")
        assert sizes == [len(data)]
        visit.page.get_by_role("switch", name=SAVE).check()
        visit.expect("#facts").to_contain_text("Sent as 200 × 150 px")  # again, and scaled
        assert sizes[1] < len(data) / 10
        assert visit.posts[1].headers["content-type"] == "image/jpeg"
        visit.page.reload()
        sync_api.expect(visit.page.get_by_role("switch", name=SAVE)).to_be_checked()  # remembered


def test_more_than_a_request_takes_is_scaled_to_fit_where_there_are_no_uploads(
    chromium: Any, url: str, sizes: list[int]
) -> None:
    """With all its px as long as that fits, and the facts say so."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(photo(2000, 1500))) as picture:
        picture.save(stream, "BMP")  # 9 MB
    with opened(chromium, url) as visit:
        visit.choose(("photo.bmp", "image/bmp", stream.getvalue()))
        visit.expect("#facts").to_contain_text("Sent as 2,000 × 1,500 px")
        visit.expect("#facts").to_contain_text("instead of 9.0 MB")
    assert 0 < max(sizes) <= 4_500_000


def test_what_no_picture_is_says_the_page_itself(chromium: Any, real_url: str) -> None:
    """In plain words, without a request, and alike whatever its size."""
    small = io.BytesIO()
    Image.new("P", (20, 20)).save(small, "GIF")
    cases = [
        ("empty.jpg", "image/jpeg", b"", "Empty file", "nothing in this file (0 bytes)"),
        ("text.jpg", "image/jpeg", b"no picture", "Not a picture", "JPEG, PNG, WebP, TIFF, BMP"),
        ("small.gif", "image/gif", small.getvalue(), "A GIF", "Save it as PNG"),
        ("large.gif", "image/gif", small.getvalue() + bytes(4_600_000), "A GIF", "Save it as PNG"),
    ]
    with opened(chromium, real_url) as visit:
        for name, mime, data, title, words in cases:
            visit.choose((name, mime, data))
            visit.expect("#picture").to_be_hidden()
            visit.expect("#trouble-title").to_have_text(title)
            visit.expect("#trouble").to_contain_text(words)
            visit.expect("#count").to_have_text("–")
        assert visit.posts == []


def test_a_small_file_is_sent_as_it_is(sizes: list[int], chromium: Any, real_url: str) -> None:
    data = squares()
    with opened(chromium, real_url) as visit:
        visit.choose(("small.png", "image/png", data))
        visit.expect("#facts").to_contain_text("small.png, 640 × 640 px. Sent as it is")
        assert sizes[0] == len(data)


def test_transparency_is_sent_on_white_as_the_api_has_it(visit: Visit, app: App) -> None:
    picture = Image.open(io.BytesIO(squares())).convert("RGBA")
    picture.paste((0, 0, 0, 0), (480, 0, 640, 640))
    stream = io.BytesIO()
    picture.resize((1280, 1280), Image.Resampling.NEAREST).save(stream, "PNG")
    visit.choose(("clear.png", "image/png", stream.getvalue()))
    visit.expect_count(json.loads(app.post(stream.getvalue()).body)["count"])


def test_a_model_of_exact_pixels_gets_the_original(
    sizes: list[int], chromium: Any, url: str, app: App
) -> None:
    """`opencv-linear` weighs single px of the original: one scaled before would differ."""

    def exact(route: Any) -> None:
        model = json.loads(app.send("GET", "/v1/model").body)
        model["resize"]["rule"] = "opencv-linear"
        route.fulfill(json=model)

    data = photo(2000, 1500)
    with opened(chromium, url, before=lambda page: page.route("**/v1/model", exact)) as visit:
        visit.choose(("photo.jpg", "image/jpeg", data))
        visit.expect("#facts").to_contain_text("Sent as it is")
        assert sizes[0] == len(data)


def test_what_the_browser_cannot_open_is_drawn_by_the_api(sizes: list[int], visit: Visit) -> None:
    """A TIFF here, HEIC as well: as it is to the API, which answers the picture, too."""
    data = squares("TIFF")
    visit.choose(("scan.tif", "image/tiff", data))
    visit.expect_count(STRONG)
    visit.expect("#facts").to_contain_text("This browser cannot open TIFF; the API drew")
    visit.expect("#facts").to_contain_text("so its boxes cannot be edited")
    visit.expect("#edit-on").to_be_disabled()
    visit.expect("#picture").to_be_visible()
    assert visit.page.locator("#picture").evaluate("each => each.naturalWidth") == 640
    accepts = [post.headers["accept"] for post in visit.posts]
    assert accepts == ["application/json", "image/jpeg"]
    assert "score_threshold=0.5" in visit.posts[1].url and sizes[0] == len(data)
    name, saved = visit.saved("Picture")
    assert name == "scan-annotated.jpg" and Image.open(io.BytesIO(saved)).size == (640, 640)
    visit.slide(0.2)
    visit.expect_count(4)
    with visit.page.expect_response("**/v1/detect*"):  # drawn anew once the slider is let go
        visit.page.locator("#threshold").dispatch_event("change")


@pytest.mark.needs_shared_data
def test_real_photos_are_counted_as_the_api_counts_the_file(
    sizes: list[int], chromium: Any, real_url: str, tmp_path: Path
) -> None:
    photos = sorted(REAL.glob("*.jpg"))[:2]
    with make_app(ROOT / "handler" / "model", tmp_path / "other") as made:
        expected = [json.loads(made.post(each.read_bytes()).body)["count"] for each in photos]
    with opened(chromium, real_url) as visit:
        for path, count in zip(photos, expected, strict=True):
            visit.choose(path)
            visit.expect("#facts").to_contain_text(f"{path.name}, 2,79")
            visit.expect("#facts").to_contain_text("Sent as it is")
            visit.expect_count(count)
        assert sizes == [each.stat().st_size for each in photos]


@pytest.fixture
def upload_url(
    s3: Any, tiny_bundle: Path, tmp_path: Path, sizes: list[int]
) -> Iterator[tuple[str, App]]:
    """The page of a function with an upload bucket, whose CORS is that of the template."""
    bucket = make_bucket(s3, "icebox-page-uploads")
    properties = cloudformation.resources(cloudformation.load(), {})["UploadBucket"]["Properties"]
    rules = [
        {"MaxAgeSeconds" if name == "MaxAge" else name: value for name, value in rule.items()}
        for rule in properties["CorsConfiguration"]["CorsRules"]
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    with (
        make_app(tiny_bundle, tmp_path / "log", UPLOAD_STORE=f"s3://{bucket}") as made,
        serving(weighed(made.module.lambda_handler, sizes)) as served,
    ):
        yield f"{served}/", made


def bitmap(kind: str = "BMP") -> bytes:
    """A picture of squares with 9 MB."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(squares())) as picture:
        picture.resize((1760, 1760), Image.Resampling.NEAREST).save(stream, kind)
    return stream.getvalue()


def test_a_large_original_goes_by_an_upload(
    chromium: Any, upload_url: tuple[str, App], sizes: list[int], s3: Any
) -> None:
    url, app = upload_url
    data = bitmap()
    assert len(data) > 9_000_000
    with opened(chromium, url) as visit:
        visit.choose(("squares.bmp", "image/bmp", data))
        visit.expect("#facts").to_contain_text("Sent as it is, 9.3 MB, by an upload.")
        visit.expect_count(STRONG)
        visit.page.get_by_role("switch", name=SAVE).check()
        visit.expect("#facts").to_contain_text("Sent as 220 × 220 px")
        visit.page.get_by_role("switch", name=SAVE).uncheck()
        visit.expect("#facts").to_contain_text("by an upload")
    [_] = keys(s3, "icebox-page-uploads")  # put there once
    assert max(sizes) < 100_000
    digests = [each.image.sha256 for each in app.records() if each.image]
    assert digests.count(hashlib.sha256(data).hexdigest()) == 2


def test_a_large_scan_that_no_browser_opens_is_counted_and_drawn(
    chromium: Any, upload_url: tuple[str, App], s3: Any
) -> None:
    """Microscopes write TIFF."""
    with opened(chromium, upload_url[0]) as visit:
        visit.choose(("scan.tif", "image/tiff", bitmap("TIFF")))
        visit.expect_count(STRONG)
        visit.expect("#picture").to_be_visible()
        visit.expect("#facts").to_contain_text("This browser cannot open TIFF")
    [_] = keys(s3, "icebox-page-uploads")


def test_how_much_of_an_upload_has_left_is_told_also_after_another_picture(
    chromium: Any, upload_url: tuple[str, App]
) -> None:
    with opened(chromium, upload_url[0]) as visit:
        visit.choose(("small.png", "image/png", squares()))
        visit.expect_count(STRONG)
        wire = visit.page.context.new_cdp_session(visit.page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
        wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": 500_000})
        visit.choose(("scan.tif", "image/tiff", bitmap("TIFF")))
        sending = re.compile(r"Sending [1-9]\d? % …")
        visit.expect("#busy-text").to_have_text(sending)
        pictures = visit.page.get_by_role("navigation", name="Pictures").get_by_role("button")
        pictures.nth(0).click()
        visit.expect("#busy").to_be_hidden()
        pictures.nth(1).click()
        visit.expect("#busy-text").to_have_text(sending)
        wire.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
        visit.expect_count(STRONG)


def test_a_broken_upload_is_told_and_tried_again(
    chromium: Any, upload_url: tuple[str, App], s3: Any
) -> None:
    answers = iter([500])

    def refuse(route: Any) -> None:
        status = next(answers, None) if route.request.method == "PUT" else None
        route.fulfill(
            status=status, headers={"Access-Control-Allow-Origin": "*"}
        ) if status else route.continue_()

    def before(page: Any) -> None:
        page.route("**/icebox-page-uploads/**", refuse)

    with opened(chromium, upload_url[0], before=before) as visit:
        visit.choose(("scan.tif", "image/tiff", bitmap("TIFF")))
        visit.expect("#trouble").to_contain_text("The upload storage answered 500. Try again.")
        visit.page.get_by_role("button", name="Try again").click()
        visit.expect_count(STRONG)


def test_an_upload_that_stands_still_is_given_up(
    chromium: Any, upload_url: tuple[str, App]
) -> None:
    def before(page: Any) -> None:
        page.clock.install()
        page.route(
            "**/icebox-page-uploads/**",
            lambda route: None if route.request.method == "PUT" else route.continue_(),
        )

    with opened(chromium, upload_url[0], before=before) as visit:
        with visit.page.expect_request(lambda sent: sent.method == "PUT"):
            visit.choose(("squares.bmp", "image/bmp", bitmap()))
        visit.page.clock.fast_forward(25_000)  # the page's clock runs on beside it
        visit.expect("#busy").to_be_visible()
        visit.page.clock.fast_forward(15_000)
        visit.expect("#trouble").to_contain_text("The upload made no progress for 40 seconds.")
        visit.page.get_by_role("button", name="Send it scaled").click()
        visit.page.clock.resume()
        visit.expect_count(STRONG)


def test_more_than_an_upload_takes_is_told(
    s3: Any, tiny_bundle: Path, tmp_path: Path, chromium: Any
) -> None:
    bucket = make_bucket(s3, "icebox-page-uploads")
    env = {"UPLOAD_STORE": f"s3://{bucket}", "MAX_UPLOAD_BYTES": "5000000"}
    with (
        make_app(tiny_bundle, tmp_path / "log", **env) as made,
        serving(made.module.lambda_handler) as served,
        opened(chromium, f"{served}/") as visit,
    ):
        visit.choose(("squares.bmp", "image/bmp", bitmap()))
        visit.expect("#trouble").to_contain_text("at most 5,000,000 are read")
        visit.page.get_by_role("button", name="Send it scaled").click()
        visit.expect_count(STRONG)
    assert keys(s3, bucket) == []
