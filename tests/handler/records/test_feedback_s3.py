"""Feedback on predictions that lie in S3: a moto server over HTTP."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import make_app
from tests.support.moto_s3 import keys, make_bucket
from tests.support.pictures import RED, jpeg

JSON = [("Content-Type", "application/json")]


@pytest.mark.parametrize("prefix", ["", "/a/b"])
def test_feedback_lies_beside_its_prediction(
    s3: Any, tiny_bundle: Path, tmp_path: Path, prefix: str
) -> None:
    bucket = make_bucket(s3, "icebox-predictions")
    with make_app(tiny_bundle, tmp_path, PREDICTION_LOG=f"s3://{bucket}{prefix}") as app:
        prediction_id = json.loads(app.post(jpeg(RED)).body)["prediction_id"]
        unknown = app.send(
            "POST", f"/v1/predictions/{prediction_id[::-1]}/feedback", b'{"count": 2}', JSON
        )
        given = app.send("POST", f"/v1/predictions/{prediction_id}/feedback", b'{"count": 2}', JSON)
    assert (unknown.status, given.status) == (404, 201)
    below = prefix.strip("/") + "/" if prefix else ""
    feedback, prediction = sorted(key.removeprefix(below) for key in keys(s3, bucket))
    assert feedback.split("/")[1:-1] == prediction.split("/")[1:-1]
    body = s3.get_object(Bucket=bucket, Key=below + feedback)["Body"].read()
    kept = json.loads(gzip.decompress(body))
    assert (kept["prediction_id"], kept["count"]) == (prediction_id, 2)
