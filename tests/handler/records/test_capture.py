"""Pictures are kept where and while the settings ask for it, and never at a record's cost."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from handler.bundle.manifest import Manifest
from handler.detection.detections import Detections
from handler.detection.detector import DetectorOutput, Thresholds
from handler.detection.prediction import Prediction, PredictRequest
from handler.images.picture import Picture
from handler.invocation import Invocation
from handler.records.capture import Captures, is_chosen, is_uncertain, open_captures
from handler.storage.store import FolderStore, Store
from tests.handler.routes.test_detect_several import BODIES
from tests.support.app import make_app
from tests.support.faulty_s3 import FaultyS3, faulty_s3
from tests.support.pictures import RED, RED_AND_GREEN, encoded, jpeg, png
from tests.support.tiny_bundle import tiny_manifest

MANIFEST = Manifest.from_json(json.dumps(tiny_manifest(b"")))
DAY = "model=squares/version=1.0.0/dt=2026-11-23/hour=04"
RECEIVED_S = 1_795_406_706.0  # 2026-11-23T04:05:06Z


def captures(root: Path) -> dict[str, bytes]:
    files = (path for path in root.glob("captures/**/*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("kind", "extension"),
    [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("BMP", "bmp")],
)
def test_a_picture_lies_as_it_came_beside_its_record(
    tiny_bundle: Path, tmp_path: Path, kind: str, extension: str
) -> None:
    body = encoded(RED, kind)
    with make_app(tiny_bundle, tmp_path, CAPTURE_RATE="1") as app:
        answer = app.post(body)
        [record] = app.records()
    assert record.prediction_id == answer.header("x-prediction-id")
    assert captures(tmp_path) == {record.capture: body}
    assert (
        record.capture
        and record.capture
        == record.key.replace("predictions/", "captures/", 1)[: -len("json.gz")] + extension
    )


@pytest.mark.parametrize(
    "env", [{}, {"CAPTURE_RATE": "0"}, {"CAPTURE_RATE": "1", "CAPTURE_MAX_BYTES": "100"}]
)
def test_nothing_is_kept_unless_asked_for(
    tiny_bundle: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    with make_app(tiny_bundle, tmp_path, **env) as app:
        assert app.post(jpeg(RED)).status == 200
        [record] = app.records()
    assert record.capture is None
    assert captures(tmp_path) == {}


@pytest.mark.parametrize("body", [b"no picture", jpeg(RED)[:800], b""])
def test_what_is_rejected_is_not_kept(tiny_bundle: Path, tmp_path: Path, body: bytes) -> None:
    with make_app(tiny_bundle, tmp_path, CAPTURE_RATE="1") as app:
        assert app.post(body).status >= 400
        assert [record.capture for record in app.records()] == [None]
    assert captures(tmp_path) == {}


def test_each_of_several_pictures_is_kept(tiny_bundle: Path, tmp_path: Path) -> None:
    bodies = [jpeg(RED), png(RED_AND_GREEN), jpeg([])]
    write, headers = BODIES["JSON"]
    with make_app(tiny_bundle, tmp_path, CAPTURE_RATE="1") as app:
        assert app.post(write(*bodies), headers=headers).status == 200
        records = app.records()
    assert len(records) == 3
    assert captures(tmp_path).keys() == {record.capture for record in records}
    assert sorted(captures(tmp_path).values()) == sorted(bodies)


def test_a_picture_lies_in_the_bucket_of_the_log(
    tiny_bundle: Path, tmp_path: Path, s3: Any, s3_endpoint: str
) -> None:
    bucket = f"log-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    log = f"s3://{bucket}/monitored"
    with make_app(tiny_bundle, tmp_path, CAPTURE_RATE="1", PREDICTION_LOG=log) as app:
        assert app.post(jpeg(RED)).status == 200
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    [key] = [key for key in keys if key.startswith("monitored/captures/model=squares/")]
    stored = s3.get_object(Bucket=bucket, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (jpeg(RED), "image/jpeg")


@pytest.mark.parametrize(
    ("log", "message"),
    [("", "PREDICTION_LOG names no bucket"), ("firehose://records", "FEEDBACK_STORE names no")],
)
def test_keeping_without_a_place_fails_the_start(
    tiny_bundle: Path, tmp_path: Path, log: str, message: str
) -> None:
    with (
        pytest.raises(ValueError, match=message),
        make_app(tiny_bundle, tmp_path, CAPTURE_RATE="0.5", PREDICTION_LOG=log),
    ):
        pass


def test_a_share_is_chosen_by_the_id_for_ever() -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(4000)]
    tenth = {each for each in ids if is_chosen(each, 0.1)}
    fifth = {each for each in ids if is_chosen(each, 0.2)}
    assert tenth < fifth
    assert 320 < len(tenth) < 480 and 700 < len(fifth) < 900
    assert all(is_chosen(each, 1.0) for each in ids)
    assert not any(is_chosen(each, 0.0) for each in ids)
    # sha256 of the first id begins with 12 b9 37 7c
    assert is_chosen(ids[0], 0.0732) and not is_chosen(ids[0], 0.0731)


def prediction_of(scores: list[float], near: list[float], body: bytes = b"picture") -> Prediction:
    def detections(of: list[float]) -> Detections:
        boxes = np.zeros((len(of), 4), np.float32)
        return Detections(boxes, np.array(of, np.float32), np.zeros(len(of), np.int64))

    content = np.zeros((4, 4, 3), np.uint8)
    output = DetectorOutput(detections(scores), detections(near), content, 1.0)
    request = PredictRequest(body, Thresholds(0.5, 0.5, 100))
    return Prediction(request, Picture(content, 4, 4, "PNG", 1), output, ("red", "green"), 1.0)


@pytest.mark.parametrize(
    ("scores", "near", "expected"),
    [  # near 0.5 is 0.378 to 0.622
        ([], [], False),
        ([0.9, 0.8], [0.2, 0.1], False),
        ([0.6], [0.4], True),
        ([0.6], [], False),  # one alone
        ([0.9, 0.9, 0.9, 0.9, 0.6], [0.4], True),  # two of six
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.6], [0.4], False),  # two of seven
        ([0.9, 0.6], [0.4, *[0.37] * 40], True),  # what is far below does not count
        ([], [0.49, 0.45, 0.3], True),
    ],
)
def test_a_picture_is_uncertain_by_its_candidates_near_the_threshold(
    scores: list[float], near: list[float], expected: bool
) -> None:
    assert is_uncertain(prediction_of(scores, near), 0.5) is expected


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_nothing_is_near_a_threshold_that_decides_nothing(threshold: float) -> None:
    assert not is_uncertain(prediction_of([0.999, 1.0], [0.001, 0.0]), threshold)


def test_only_uncertain_pictures_are_kept_if_asked_for(tiny_bundle: Path, tmp_path: Path) -> None:
    pale = np.full((64, 64, 3), 100, np.uint8)
    pale[:8, :8], pale[16:24, :8] = (240, 100, 100), (220, 100, 100)  # 0.55 and 0.47 of 0.5
    out = io.BytesIO()
    Image.fromarray(pale).save(out, "PNG")
    env = {"CAPTURE_RATE": "1", "CAPTURE": "uncertain"}
    with make_app(tiny_bundle, tmp_path, **env) as app:
        app.post(png(RED))
        assert captures(tmp_path) == {}
        app.post(out.getvalue(), query="?score_threshold=0.9")  # the model's own threshold counts
    assert list(captures(tmp_path).values()) == [out.getvalue()]


# Storage that fails


class Written:
    """What the records' write was called with, and what the invocations said then."""

    def __init__(self, *invocations: Invocation) -> None:
        self.invocations = invocations
        self.within_s: list[float] = []
        self.captures: list[str | None] = []

    def __call__(self, within_s: float) -> None:
        self.within_s.append(within_s)
        self.captures += [each.capture for each in self.invocations]


def invocation(body: bytes = b"picture") -> Invocation:
    made = Invocation(str(uuid.uuid4()), False, received_s=RECEIVED_S, route="/v1/detect")
    made.prediction = prediction_of([0.9], [], body)
    made.request = made.prediction.request
    return made


def keeping(store: Store) -> Captures:
    return Captures(store, MANIFEST, rate=1.0, only_uncertain=False, max_bytes=10**6)


@pytest.fixture
def s3_that(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A FaultyS3; its `fault` is that of the PUTs to come."""
    fault: list[Any] = ["none"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("handler.records.capture.KEEP_S", 12.0)  # a busy machine's first client

    with faulty_s3(lambda: fault[0]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)

        def begin(of: str) -> FaultyS3:
            fault[0] = of
            return server

        yield begin
        server.released.set()


def keep_in_s3() -> Captures:
    made = open_captures(
        "PREDICTION_LOG", "s3://log", MANIFEST, rate=1.0, only_uncertain=False, max_bytes=10**6
    )
    assert made
    return made


def test_a_record_says_a_key_only_once_the_picture_is_stored(tmp_path: Path) -> None:
    part = invocation()
    written = Written(part)
    keeping(FolderStore(tmp_path)).before(written, part)(20.0)
    key = f"captures/{DAY}/{part.id}.png"
    assert written.captures == [key]
    assert (tmp_path / key).read_bytes() == b"picture"
    assert 19.0 < written.within_s[0] < 20.0


@pytest.mark.parametrize("fault", ["503", "403", "reset"])
def test_a_refused_picture_costs_no_record_and_no_more_tries(
    s3_that: Any, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    server = s3_that(fault)
    parts = [invocation(), invocation()]
    written, kept = Written(*parts), keep_in_s3()
    for part in parts:
        kept.before(written, part)(20.0)
    assert written.captures == [None] * 4
    assert server.puts == {fault: 1}  # the second was within the pause
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["prediction_id"]) == ("WARNING", parts[0].id)


def test_pictures_are_kept_again_after_the_pause(
    s3_that: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.records.capture.MAX_PAUSE_S", 0.0)
    kept = keep_in_s3()
    s3_that("503")
    kept.before(Written(), invocation())(20.0)
    server = s3_that("none")
    part = invocation()
    kept.before(Written(), part)(20.0)
    assert part.capture
    assert [unquote(key) for key in server.objects] == [f"log/{part.capture}"]


class Slow:
    """A folder that takes its time."""

    def __init__(self, root: Path) -> None:
        self.go_on = threading.Event()
        self.tries = 0
        self._store = FolderStore(root)

    def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
        self.tries += 1
        self.go_on.wait(30)
        self._store.put(key, body, content_type)


def test_a_slow_store_costs_a_bounded_time_and_the_record_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.records.capture.KEEP_S", 0.2)
    store = Slow(tmp_path)
    kept = keeping(store)  # type: ignore[arg-type]
    first, second, third = invocation(), invocation(), invocation()
    written = Written(first)
    kept.before(written, first)(20.0)
    assert written.captures == [None]
    kept.before(Written(second), second)(20.0)
    assert store.tries == 1  # nothing new while one is under way
    store.go_on.set()
    assert kept._thread
    kept._thread.join(10)
    kept.before(Written(third), third)(20.0)
    assert third.capture and captures(tmp_path).keys() == {
        f"captures/{DAY}/{first.id}.png",  # late, so that no record names it
        third.capture,
    }


@pytest.mark.parametrize("within_s", [0.0, 1.0, 8.0])
def test_without_time_for_both_the_record_comes_first(tmp_path: Path, within_s: float) -> None:
    part = invocation()
    written = Written(part)
    keeping(FolderStore(tmp_path)).before(written, part)(within_s)
    assert written.captures == [None]
    assert captures(tmp_path) == {}


def test_the_time_is_for_all_pictures_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.records.capture.KEEP_S", 0.3)
    whole = invocation()
    whole.parts = [invocation() for _ in range(50)]

    class Sluggish(FolderStore):
        def put(self, key: str, body: bytes, content_type: str | None = None) -> None:
            time.sleep(0.05)
            super().put(key, body, content_type)

    written = Written(*whole.parts)
    kept = keeping(Sluggish(tmp_path))
    kept.before(written, whole)(20.0)
    named = [each for each in written.captures if each]
    assert 0 < len(named) < 10
    assert kept._thread
    kept._thread.join(10)
    assert len(captures(tmp_path)) <= len(named) + 1  # the one that was under way
    assert all((tmp_path / each).is_file() for each in named)


def test_a_bug_in_keeping_does_not_cost_the_record(tmp_path: Path) -> None:
    part = invocation()
    written = Written(part)
    work = keeping(FolderStore(tmp_path)).before(written, part)
    assert part.prediction
    object.__setattr__(part.prediction.picture, "format", "GIF")
    with pytest.raises(KeyError):
        work(20.0)
    assert written.captures == [None]
