"""scripts/serve takes large pictures by an upload, as the stack does."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.icebox import Icebox, IceboxError
from scripts.local.serve import open_bucket
from scripts.local.uploads import BUCKET, KEPT_S, MAX_BYTES
from tests.e2e.clients.conftest import serving
from tests.support.app import make_app
from tests.support.pictures import encoded


@contextmanager
def served(bundle: Path, folder: Path) -> Iterator[str]:
    env: dict[str, str] = {}
    bucket = open_bucket(env, folder)
    assert bucket
    with make_app(bundle, folder / "log", **env) as app, serving(app.module.lambda_handler) as url:
        try:
            yield url
        finally:
            bucket.shutdown()
            bucket.server_close()


@pytest.fixture
def url(tiny_bundle: Path, tmp_path: Path) -> Iterator[str]:
    with served(tiny_bundle, tmp_path) as made:
        yield made


def test_a_picture_above_the_limit_is_counted(url: str, tmp_path: Path) -> None:
    """By the Python client, which uploads what no request holds."""
    large = [("red", (200, 200, 400, 400)), ("green", (800, 600, 1000, 800))]
    picture = encoded(large, "TIFF", size=1600)
    assert len(picture) > 4_500_000
    assert Icebox(url).detect(picture).count == 2
    [kept] = (tmp_path / "uploads").glob("*/*")
    assert kept.read_bytes() == picture


def presign(url: str, size_bytes: int = 9) -> tuple[str, str]:
    body = json.dumps({"content_type": "image/png", "bytes": size_bytes}).encode()
    request = urllib.request.Request(f"{url}/v1/uploads", body, method="POST")
    with urllib.request.urlopen(request) as answer:
        upload = json.load(answer)
    return upload["upload_id"], upload["url"]


def put(url: str, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(url, body, headers, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_no_url_was_signed_for_is_refused(url: str) -> None:
    _, signed = presign(url)
    unsigned, _, query = signed.partition("?")
    assert put(unsigned, b"a") == 403
    assert put(f"{unsigned}/../../a?{query}", b"a") == 403
    assert put(f"{unsigned}%2f..%2fa?{query}", b"a") == 403
    old = "&".join(
        "X-Amz-Date=20200101T000000Z" if each.startswith("X-Amz-Date") else each
        for each in query.split("&")
    )
    assert put(f"{unsigned}?{old}", b"a") == 403
    assert put(signed, b"a", **{"Content-Length": str(MAX_BYTES + 1)}) == 413
    assert put(signed, b"not a pic") == 200


def test_an_upload_that_was_never_put_is_told(url: str) -> None:
    upload_id, _ = presign(url)
    body = json.dumps({"upload_id": upload_id}).encode()
    request = urllib.request.Request(
        f"{url}/v1/detect", body, {"Content-Type": "application/json"}, method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 404
    assert "there is no upload" in json.load(refused.value)["detail"]


def test_a_file_that_is_no_picture_is_told_as_without_an_upload(url: str) -> None:
    with pytest.raises(IceboxError, match="415"):
        Icebox(url).detect(b"no picture" * 500_000)


def test_yesterdays_uploads_are_deleted(tmp_path: Path) -> None:
    old, young = (tmp_path / "uploads" / "open" / (digit * 32) for digit in "ab")
    for path, age_s in ((old, KEPT_S + 60), (young, 60.0)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a")
        os.utime(path, (time.time() - age_s,) * 2)
    bucket = open_bucket({}, tmp_path)
    assert bucket
    bucket.shutdown()
    bucket.server_close()
    assert not old.exists() and young.exists()


@pytest.mark.parametrize(
    "env",
    [
        {"PREDICTION_LOG": "s3://my-bucket"},
        {"UPLOAD_STORE": "s3://my-bucket"},
        {"S3_URI_BUCKETS": "mine"},
        {"AWS_ENDPOINT_URL": "http://localhost:9000"},
    ],
)
def test_settings_that_name_s3_stay_as_they_are(env: dict[str, str], tmp_path: Path) -> None:
    before, threads = dict(env), threading.active_count()
    assert open_bucket(env, tmp_path) is None
    assert env == before and threading.active_count() == threads
    assert BUCKET not in str(env)
