"""Pictures by way of S3: a moto server over HTTP, real PUTs, and whatever a client may name.

moto does not check signatures; that type and length are signed is read off the URL.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handler.storage import uploads
from scripts.local.http_event import HttpResponse
from tests.support.app import App, make_app
from tests.support.moto_s3 import keys, make_bucket
from tests.support.pictures import RED, RED_AND_GREEN, jpeg

PICTURE = jpeg(RED_AND_GREEN)
KEYS = ("one", "other")
JSON = [("Content-Type", "application/json")]


@pytest.fixture
def buckets(s3: Any) -> tuple[str, str]:
    return make_bucket(s3, "icebox-uploads"), make_bucket(s3, "icebox-mine")


@pytest.fixture
def app(buckets: tuple[str, str], tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    with make_app(
        tiny_bundle,
        tmp_path / "log",
        UPLOAD_STORE="s3://icebox-uploads",
        S3_URI_BUCKETS="icebox-mine,icebox-not-there",
        MAX_UPLOAD_BYTES=str(len(PICTURE) + 1000),
        API_KEY_SHA256=",".join(hashlib.sha256(key.encode()).hexdigest() for key in KEYS),
    ) as made:
        yield made


def post(app: App, target: str, document: object, key: str = "one") -> HttpResponse:
    return app.send("POST", target, json.dumps(document).encode(), [*JSON, ("x-api-key", key)])


def begin(app: App, size: int = len(PICTURE), key: str = "one") -> dict[str, Any]:
    answer = post(app, "/v1/uploads", {"content_type": "image/jpeg", "bytes": size}, key)
    assert answer.status == 201, answer.body
    begun: dict[str, Any] = json.loads(answer.body)
    return begun


def put(begun: dict[str, Any], body: bytes = PICTURE) -> int:
    request = urllib.request.Request(
        begun["url"], body, {"Content-Type": begun["headers"]["content-type"]}, method="PUT"
    )
    with urllib.request.urlopen(request) as answer:
        status: int = answer.status
        return status


def told(answer: HttpResponse) -> tuple[int, str, str]:
    problem = json.loads(answer.body)
    return answer.status, problem["type"].rpartition(":")[2], problem["detail"]


def test_an_upload_is_detected_on(app: App, s3: Any) -> None:
    begun = begin(app)
    assert put(begun) == 200
    answer = post(app, "/v1/detect?labels=green", {"upload_id": begun["upload_id"]})
    assert (answer.status, json.loads(answer.body)["count"]) == (200, 2)
    [record] = app.records()
    assert record.image and record.image.sha256 == hashlib.sha256(PICTURE).hexdigest()
    caller = hashlib.sha256(b"one").hexdigest()[:16]
    assert keys(s3, "icebox-uploads") == [f"uploads/{caller}/{begun['upload_id']}"]


def test_type_length_and_a_short_life_are_signed(app: App) -> None:
    begun = begin(app)
    query = parse_qs(urlsplit(begun["url"]).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert query["X-Amz-Expires"] == ["300"]
    assert not [name for name in query if "checksum" in name.lower()]  # none that nobody can know
    assert begun["headers"] == {"content-type": "image/jpeg", "content-length": str(len(PICTURE))}
    left = datetime.fromisoformat(begun["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=280) < left <= timedelta(seconds=300)


def test_another_signature_for_another_type_or_length(app: App) -> None:
    """The headers are of what is signed, not beside it."""
    client = app.module.upload_store._client
    signed = {
        client.generate_presigned_url(
            "put_object",
            Params={"Bucket": "b", "Key": "k", "ContentType": kind, "ContentLength": size},
        ).rpartition("X-Amz-Signature=")[2]
        for kind in ("image/jpeg", "image/png")
        for size in (10, 11)
    }
    assert len(signed) == 4


def test_an_upload_is_its_callers_alone(app: App) -> None:
    begun = begin(app)
    put(begun)
    answer = post(app, "/v1/detect", {"upload_id": begun["upload_id"]}, key="other")
    assert told(answer)[:2] == (404, "not-found")
    assert post(app, "/v1/detect", {"upload_id": begun["upload_id"]}).status == 200


def test_an_upload_that_was_never_put_is_told(app: App) -> None:
    status, kind, detail = told(post(app, "/v1/detect", {"upload_id": begin(app)["upload_id"]}))
    assert (status, kind) == (404, "not-found")
    assert "POST /v1/uploads begins a new one" in detail


def test_an_upload_is_of_use_for_an_hour(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin(app)
    put(begun)
    for usable_s, status in ((3600, 200), (-60, 404)):
        monkeypatch.setattr(uploads, "UPLOAD_LIFETIME_S", usable_s)
        assert post(app, "/v1/detect", {"upload_id": begun["upload_id"]}).status == status


def test_what_is_too_large_is_not_signed_and_not_read(app: App, s3: Any) -> None:
    document = {"content_type": "image/jpeg", "bytes": len(PICTURE) + 1001}
    assert told(post(app, "/v1/uploads", document))[:2] == (413, "body-too-large")
    s3.put_object(Bucket="icebox-mine", Key="big", Body=bytes(len(PICTURE) + 1001))
    answer = post(app, "/v1/detect", {"s3_uri": "s3://icebox-mine/big"})
    assert told(answer)[:2] == (413, "body-too-large")


@pytest.mark.parametrize("body", [b"", b"hello", PICTURE[:300]])
def test_what_is_no_picture_is_told_as_of_any_body(app: App, s3: Any, body: bytes) -> None:
    s3.put_object(Bucket="icebox-mine", Key="a", Body=body)
    answer = post(app, "/v1/detect", {"s3_uri": "s3://icebox-mine/a"})
    assert answer.status == {0: 400, 5: 415, 300: 422}[len(body)]


def test_an_object_of_an_allowed_bucket_is_read(app: App, s3: Any) -> None:
    for key in ("a.jpg", "a b/ü+%2e&?#.jpg", "a..b/.c.jpg"):
        s3.put_object(Bucket="icebox-mine", Key=key, Body=jpeg(RED))
        answer = post(app, "/v1/detect", {"s3_uri": f"s3://icebox-mine/{key}"})
        assert (answer.status, json.loads(answer.body)["count"]) == (200, 1), key


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("s3://icebox-mine/not-there", 404),
        ("s3://icebox-not-there/a", 404),
        ("s3://icebox-uploads/uploads/a/b", 403),
        ("s3://icebox-mine.evil/a", 403),
        ("s3://ICEBOX-MINE/a", 403),
        ("s3://icebox-mine", 400),
        ("s3://icebox-mine/", 400),
        ("s3:///a", 400),
        ("https://icebox-mine.s3.amazonaws.com/a", 400),
        ("file:///etc/passwd", 400),
        ("s3://icebox-mine/" + "k" * 1025, 400),
        ("s3://icebox-mine/\ud800", 400),
        ("s3://icebox-mine/../icebox-uploads/a", 400),
        ("s3://icebox-mine/a/./b", 400),
        ("s3://icebox-mine/a\r\nHost: b", 400),
        ("s3://\ud800/a", 403),
        (7, 400),
        (None, 400),
        (["s3://icebox-mine/a"], 400),
    ],
)
def test_no_other_object_is_read(app: App, uri: object, status: int) -> None:
    answer = post(app, "/v1/detect", {"s3_uri": uri})
    assert answer.status == status, answer.body


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 400),
        ([], 400),
        ("x", 400),
        ({"content_type": "image/jpeg"}, 400),
        ({"content_type": "image/jpeg", "bytes": 5, "key": "../../x"}, 400),
        ({"content_type": "text/html", "bytes": 5}, 400),
        ({"content_type": ["image/jpeg"], "bytes": 5}, 400),
        ({"content_type": "image/jpeg\r\nx-amz-acl: public-read", "bytes": 5}, 400),
        ({"content_type": "image/jpeg", "bytes": 0}, 400),
        ({"content_type": "image/jpeg", "bytes": -1}, 400),
        ({"content_type": "image/jpeg", "bytes": 1.5}, 400),
        ({"content_type": "image/jpeg", "bytes": True}, 400),
        ({"content_type": "image/jpeg", "bytes": None}, 400),
        ({"content_type": "image/jpeg", "bytes": 10**12}, 400),
        ({"content_type": "image/jpeg", "bytes": 10**8}, 413),
    ],
)
def test_a_bad_beginning_is_told(app: App, s3: Any, document: object, status: int) -> None:
    answer = post(app, "/v1/uploads", document)
    assert answer.status == status, answer.body
    assert json.loads(answer.body)["detail"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.one_of(st.text(max_size=80), st.integers(), st.none(), st.lists(st.text(), max_size=2)))
@example("../other/" + "0" * 32)
@example("0" * 32)
@example("0" * 31 + "/")
@example("0" * 32 + "\n")
@example("F" * 32)
@example("..%2f" * 4)
@example("\ud800")
def test_no_forged_id_finds_anything(app: App, upload_id: object) -> None:
    answer = post(app, "/v1/detect", {"upload_id": upload_id})
    assert answer.status == (404 if isinstance(upload_id, str) else 400)
    assert answer.header("content-type") == "application/problem+json"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=40))
@example(".")
@example("..")
@example("../icebox-uploads/a")
@example("/")
@example("?versionId=1")
def test_whatever_key_is_named_is_not_there(app: App, key: str) -> None:
    answer = post(app, "/v1/detect", {"s3_uri": f"s3://icebox-mine/{key}"})
    assert answer.status in (400, 404), answer.body


def test_other_dialects_take_no_ids(app: App) -> None:
    """Theirs is their client's form, and none of their clients sends one."""
    answer = post(app, "/hf", {"upload_id": "0" * 32})
    assert answer.status == 400


def test_without_a_store_it_is_told(tiny_bundle: Path, tmp_path: Path) -> None:
    with make_app(tiny_bundle, tmp_path / "log") as app:
        document = {"content_type": "image/jpeg", "bytes": 5}
        assert told(post(app, "/v1/uploads", document))[:2] == (404, "not-configured")
        answer = post(app, "/v1/detect", {"upload_id": "0" * 32})
        assert told(answer)[:2] == (404, "not-configured")
        assert told(post(app, "/v1/detect", {"s3_uri": "s3://a-bucket/a"}))[0] == 403


def test_a_folder_is_no_place_for_uploads() -> None:
    with pytest.raises(ValueError, match="UPLOAD_STORE='file:///tmp': expected s3://"):
        uploads.Uploads("file:///tmp", (), max_bytes=1)


def test_boto3_comes_with_the_first_upload_only(tiny_bundle: Path, tmp_path: Path) -> None:
    """A quarter of a second of each cold start otherwise."""
    import subprocess
    import sys

    script = "import sys, handler.app; print('boto3' in sys.modules)"
    env = {
        "MODEL_DIR": str(tiny_bundle),
        "UPLOAD_STORE": "s3://a-bucket",
        "S3_URI_BUCKETS": "mine",
        "PREDICTION_LOG": "s3://log-bucket",
        "PATH": "/usr/bin:/bin",
    }
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert ran.stdout == "False\n", ran.stderr
