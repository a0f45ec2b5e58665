"""clients/icebox.py uploads pictures too large for a request, here to a moto server's S3."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from clients import icebox as client
from clients.icebox import Icebox
from tests.e2e.clients.conftest import serving
from tests.support.app import make_app
from tests.support.moto_s3 import keys, make_bucket
from tests.support.pictures import RED_AND_GREEN, encoded, jpeg


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_large_picture_goes_by_s3(
    kind: str, s3: Any, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = make_bucket(s3, "icebox-uploads")
    monkeypatch.setattr(client, "MAX_BODY_BYTES", 500)
    digest = hashlib.sha256(b"key").hexdigest()
    uploads = {"UPLOAD_STORE": f"s3://{bucket}", "API_KEY_SHA256": digest}
    picture = encoded(RED_AND_GREEN, kind)
    assert len(picture) > 500
    with (
        make_app(tiny_bundle, tmp_path, **uploads) as app,
        serving(app.module.lambda_handler) as url,
    ):
        assert Icebox(url, "key").detect(picture).count == 3
        assert Icebox(url, "key").annotated(picture).startswith(b"\xff\xd8")
    kept = keys(s3, bucket)
    assert len(kept) == 2 and {key.split("/")[1] for key in kept} == {digest[:16]}
    types = {s3.head_object(Bucket=bucket, Key=key)["ContentType"] for key in kept}
    assert types == {f"image/{kind.lower()}"}


def test_a_small_picture_does_not(s3: Any, tiny_bundle: Path, tmp_path: Path) -> None:
    bucket = make_bucket(s3, "icebox-uploads")
    with (
        make_app(tiny_bundle, tmp_path, UPLOAD_STORE=f"s3://{bucket}") as app,
        serving(app.module.lambda_handler) as url,
    ):
        assert Icebox(url).detect(jpeg(RED_AND_GREEN)).count == 3
    assert not keys(s3, bucket)
