"""Nothing of a caller and no picture is in logs, records, metrics, keys or answers.

Secrets are planted where clients and AWS put them, in requests to every route in every event form,
good ones and bad ones, with everything logged. Then all that was written is searched: the
environment's whole output, every object with its key and metadata, every answer. Pictures are
where they belong, in captures/, uploads/ and gradio/, and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scripts.local.http_event import FORMS, HttpRequest, to_response
from tests.privacy import planted
from tests.privacy.planted import (
    ADDRESS,
    ADDRESS_6,
    AGENT,
    COOKIE,
    EMAIL,
    FIELD,
    FILE_NAME,
    JWT,
    KEY,
    PICTURE,
    REFERER,
    SUBJECT,
)
from tests.support.emulator import Emulator, emulator
from tests.support.moto_s3 import make_bucket
from tests.support.paths import ROOT

pytestmark = pytest.mark.needs_emulator

BUCKET, UPLOADS = "planted-records", "planted-uploads"
# Where pictures are by design: kept ones, uploads, and what one Gradio request leaves for the next.
WITH_PICTURES = ("captures/", "uploads/", "gradio/")
BASE64 = base64.b64encode(PICTURE).decode()
DATA_URL = f"data:image/jpeg;base64,{BASE64}"

# Headers that browsers, proxies and AWS add.
OF_CLIENTS = (
    ("User-Agent", AGENT),
    ("Referer", f"https://{REFERER}/page"),
    ("Cookie", f"session={COOKIE}"),
    ("X-Forwarded-For", f"{ADDRESS}, {ADDRESS_6}"),
    ("Forwarded", f'for={ADDRESS};by="[{ADDRESS_6}]"'),
    ("X-Real-IP", ADDRESS),
    ("True-Client-IP", ADDRESS),
    ("CF-Connecting-IP", ADDRESS_6),
    ("CloudFront-Viewer-Address", f"{ADDRESS}:46532"),
    ("X-Gradio-User", EMAIL),
)
# Each place that a key or a token may be in; the key's are all accepted.
CREDENTIALS: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "bearer key": ((("Authorization", f"Bearer {KEY}"),), ""),
    "x-api-key": ((("x-api-key", KEY),), ""),
    "renamed bearer": ((("X-HF-Authorization", f"Bearer {KEY}"),), ""),
    "query": ((), f"api_key={KEY}"),
    "token beside the key": ((("Authorization", f"Bearer {JWT}"), ("x-api-key", KEY)), ""),
    "token only": ((("Authorization", f"Bearer {JWT}"),), ""),
    "wrong place": ((("Authorization", f"Basic {KEY}"), ("x-api-token", JWT)), f"token={JWT}"),
    "wrong name": ((("x-api-key", KEY),), f"key={KEY}&apikey={KEY}&access_token={JWT}"),
}


def multipart(fields: dict[str, str], field_name: str = "image") -> tuple[str, bytes]:
    boundary = "plantedboundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name}"; '
        f'filename="{FILE_NAME}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
        + PICTURE
        + f"\r\n--{boundary}--\r\n".encode()
    )
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


@dataclass
class Caller:
    """Sends requests and keeps all that came back."""

    function: Emulator
    answers: list[bytes] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        media_type: str = "",
        *,
        form: str = "http-api",
        credentials: str = "x-api-key",
        may_have_picture: bool = False,
    ) -> Any:
        """may_have_picture: whether the answer is the annotated picture, or says where it is."""
        headers, query = CREDENTIALS[credentials]
        mark = "&" if "?" in target else "?"
        request = HttpRequest(
            method,
            f"{target}{mark}{query}" if query else target,
            (*OF_CLIENTS, *headers, *((("Content-Type", media_type),) if media_type else ())),
            body,
        )
        event = with_context(FORMS[form](request))
        _, result = self.function.invoke(event)
        response = to_response(result)
        self.statuses.append(response.status)
        if not may_have_picture:
            text = json.dumps(list(response.headers)).encode() + b"\n" + response.body
            self.answers.append(text)
        return response

    def post_json(self, target: str, value: object, **options: Any) -> Any:
        return self.send("POST", target, json.dumps(value).encode(), "application/json", **options)


def with_context(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what AWS says of the caller: address, and identity of each authorizer."""
    context = event["requestContext"]
    claims = {"sub": SUBJECT, "email": EMAIL, "iss": "https://issuer.example", "client_id": SUBJECT}
    if "http" in context:
        context["http"] |= {"sourceIp": ADDRESS, "userAgent": AGENT}
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": [SUBJECT]}}
        context["authentication"] = {"clientCert": {"subjectDN": f"CN={SUBJECT}"}}
    elif "identity" in context:
        context["identity"] |= {
            "sourceIp": ADDRESS_6, "userAgent": AGENT, "apiKey": KEY, "caller": SUBJECT,
            "userArn": f"arn:aws:sts::123456789012:assumed-role/x/{SUBJECT}",
        }  # fmt: skip
        context["authorizer"] = {"principalId": SUBJECT, "claims": claims}
    else:
        event["headers"] |= {"x-amzn-oidc-data": JWT, "x-amzn-oidc-identity": SUBJECT}
    return event


@pytest.fixture(scope="module")
def endpoint(s3_endpoint: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
        yield s3_endpoint


@dataclass(frozen=True)
class Written:
    """All that one environment wrote and answered."""

    log: str
    objects: dict[str, bytes]
    answers: list[bytes]
    statuses: list[int]
    requested: set[tuple[str, str]]


@pytest.fixture(scope="module", params=["objects", "batches", "S3 gone"])
def written(
    request: pytest.FixtureRequest,
    endpoint: str,
    tiny_bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    import boto3

    s3 = boto3.client("s3")
    bucket, uploads = make_bucket(s3, BUCKET), make_bucket(s3, UPLOADS)
    log = f"s3://{bucket}" if request.param != "S3 gone" else "s3://there-is-no-such-bucket"
    if request.param == "batches":
        log += "?batch=5&seconds=60"
    env = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "NO_PROXY": "127.0.0.1",
        "MODEL_DIR": str(tiny_bundle),
        "PREDICTION_LOG": log,
        "CAPTURE_RATE": "1",
        "GRADIO_STORE": f"s3://{bucket}/gradio",
        "UPLOAD_STORE": f"s3://{uploads}",
        "S3_URI_BUCKETS": bucket,
        "API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
        "LOG_LEVEL": "DEBUG",
        "AWS_LAMBDA_LOG_LEVEL": "DEBUG",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "STAGE": "dev",
    }
    with emulator(tmp_path_factory.mktemp("planted"), env) as function:
        caller = Caller(function)
        requested = send_everything(caller, is_whole=request.param == "objects")
        # The environment's end: what waits is printed.
        text = function.log
    objects = {}
    for name in (bucket, uploads):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for item in page.get("Contents", ()):
                found = s3.get_object(Bucket=name, Key=item["Key"])
                about = json.dumps([item["Key"], found["Metadata"], found["ContentType"]])
                body = b"" if item["Key"].startswith(WITH_PICTURES) else found["Body"].read()
                objects[f"{name}/{item['Key']}"] = about.encode() + b"\n" + body
                objects[f"{name}/{item['Key']}, unpacked"] = planted.unpack(body)
    return Written(text, objects, caller.answers, caller.statuses, requested)


def send_everything(caller: Caller, *, is_whole: bool) -> set[tuple[str, str]]:
    """Requests to every route; is_whole: in every form, with credentials in every place. Returns
    the methods and path templates that were asked."""
    requested: set[tuple[str, str]] = set()
    forms = tuple(FORMS) if is_whole else ("http-api",)
    places = tuple(CREDENTIALS) if is_whole else ("bearer key", "token only")
    for form in forms:
        for credentials in places:
            options = {"form": form, "credentials": credentials}
            caller.send("POST", "/v1/detect", PICTURE, "image/jpeg", **options)
            caller.send("GET", "/v1/model", **options)
            caller.send("GET", "/health", **options)
    for form in forms:
        requested |= send_pictures(caller, form)
        requested |= send_mistakes(caller, form)
    return requested


def send_pictures(caller: Caller, form: str) -> set[tuple[str, str]]:
    """A picture to each route that takes one, in each way that it takes it."""
    kind, body = multipart({"note": FIELD, "threshold": "0.2"})
    quiet: dict[str, Any] = {"form": form}
    loud: dict[str, Any] = {"form": form, "may_have_picture": True}
    caller.send("POST", "/v1/detect", body, kind, **quiet)
    caller.post_json("/v1/detect", {"image": BASE64}, **quiet)
    caller.post_json("/v1/detect", {"images": [DATA_URL, BASE64]}, **quiet)
    caller.send("POST", "/v1/detect?score_threshold=0.1&tiles=2", PICTURE, "image/jpeg", **quiet)
    caller.send("POST", "/hf", PICTURE, "image/jpeg", **quiet)
    caller.post_json("/models/planted/x", {"inputs": BASE64}, **quiet)
    caller.send("POST", "/models/x", PICTURE, "", **quiet)
    caller.post_json("/api/predict", {"data": [DATA_URL]}, **loud)
    caller.post_json("/+/api/predict/", {"data": [DATA_URL]}, **loud)
    caller.send("POST", "/cells/1", BASE64.encode(), "application/x-www-form-urlencoded", **quiet)
    caller.send("POST", f"/cells/1?confidence=20&name={quote(FILE_NAME)}", body, kind, **quiet)

    kind, body = multipart({}, "files")
    upload = caller.send("POST", "/gradio_api/upload", body, kind, **loud)
    (path,) = json.loads(upload.body) if upload.status == 200 else ("none",)
    picture = {"path": path, "orig_name": FILE_NAME, "meta": {"_type": "gradio.FileData"}}
    caller.post_json("/gradio_api/run/predict", {"data": [picture]}, **loud)
    joined = {"data": [picture], "session_hash": "plantedsession", "fn_index": 0}
    caller.post_json("/gradio_api/queue/join", joined, **loud)
    caller.send("GET", "/gradio_api/queue/data?session_hash=plantedsession", **loud)
    called = caller.post_json("/gradio_api/call/predict", {"data": [picture]}, **loud)
    event_id = json.loads(called.body).get("event_id", "none") if called.status == 200 else "none"
    caller.send("GET", f"/gradio_api/call/predict/{event_id}", **loud)
    caller.send("GET", f"/gradio_api/file=none/{quote(FILE_NAME)}", **quiet)

    size = {"bytes": len(PICTURE), "media_type": "image/jpeg", "content_type": "image/jpeg"}
    # Its answer is a signed URL, for the caller alone.
    asked = caller.post_json("/v1/uploads", size, **loud)
    told = json.loads(asked.body)
    caller.post_json("/v1/detect", {"upload_id": told.get("upload_id", "0" * 32)}, **quiet)
    caller.post_json("/v1/detect", {"s3_uri": f"s3://{BUCKET}/none/{FIELD}"}, **quiet)
    answer = caller.send("POST", "/v1/detect", PICTURE, "image/jpeg", **quiet)
    prediction = json.loads(answer.body)["prediction_id"]
    caller.post_json(f"/v1/predictions/{prediction}/feedback", {"count": 3}, **quiet)
    for target in (
        "/v1/model", "/health", "/hf/health", "/models/x/health", "/models/planted/x/health",
        "/config", "/gradio_api/info", "/", "/docs", "/openapi.json", "/manifest.webmanifest",
        "/icon-192.png", "/icon-512.png", "/sample.jpg",
    ):  # fmt: skip
        caller.send("GET", target, **quiet)
    return ROUTES


def send_mistakes(caller: Caller, form: str) -> set[tuple[str, str]]:
    """Requests that are refused, each with secrets where a message might quote them."""
    options: dict[str, Any] = {"form": form}
    damaged = PICTURE[: len(PICTURE) // 2]
    for target in ("/v1/detect", "/hf", "/cells/1", "/models/x"):
        caller.send("POST", target, damaged, "image/jpeg", **options)
        caller.send("POST", target, b"no picture " + KEY.encode() * 3, "image/png", **options)
        caller.send("POST", target, BASE64.encode()[:-7] + b"%%", "text/plain", **options)
        caller.send("POST", target, json.dumps({"image": BASE64[:-5] + "!"}).encode(),
                    "application/json", **options)  # fmt: skip
        caller.send("POST", target, b'{"image": "' + BASE64.encode(), "application/json", **options)
        kind, body = multipart({"api_key": KEY, "note": FIELD}, "wrong")
        caller.send("POST", target, body, kind, **options)
        caller.send("POST", target, body[:-30], kind, **options)
        caller.send("POST", target, body, "multipart/form-data", **options)
        caller.post_json(target, {"image": BASE64, "api_key": KEY, "token": JWT}, **options)
        caller.post_json(target, {"inputs": 5, "note": FIELD}, **options)
    for target in ("/api/predict", "/gradio_api/run/predict", "/gradio_api/queue/join"):
        caller.post_json(target, {"data": [DATA_URL[:-9] + "!"]}, **options)
        caller.post_json(target, {"data": [{"path": FILE_NAME, "orig_name": FIELD}]}, **options)
        caller.post_json(target, {"data": BASE64}, **options)
    caller.post_json("/v1/detect", [DATA_URL], **options)
    caller.post_json("/v1/detect", {"image": DATA_URL, "images": [BASE64]}, **options)
    caller.post_json("/v1/uploads", {"bytes": -1, "note": FIELD}, **options)
    caller.send("POST", "/v1/uploads", PICTURE, "image/jpeg", **options)
    caller.send("DELETE", f"/v1/detect?note={FIELD}", **options)
    caller.send("GET", f"/nowhere/at/all?file={quote(FILE_NAME)}", **options)
    return set()


# Every path of the API's description: a new one belongs into send_pictures.
ROUTES = {
    ("post", "/v1/detect"), ("post", "/v1/uploads"), ("get", "/v1/model"), ("get", "/health"),
    ("post", "/v1/predictions/{prediction_id}/feedback"), ("post", "/hf"), ("get", "/hf/health"),
    ("post", "/models/{name}"), ("get", "/models/{name}/health"),
    ("post", "/models/{owner}/{name}"), ("get", "/models/{owner}/{name}/health"),
    ("post", "/api/predict"), ("post", "/+/api/predict"), ("get", "/config"),
    ("get", "/gradio_api/info"), ("post", "/gradio_api/upload"),
    ("post", "/gradio_api/queue/join"), ("get", "/gradio_api/queue/data"),
    ("post", "/gradio_api/run/predict"), ("post", "/gradio_api/call/predict"),
    ("get", "/gradio_api/call/predict/{event_id}"), ("get", "/gradio_api/file={file_id}/{name}"),
    ("post", "/{project}/{version}"), ("get", "/"), ("get", "/docs"), ("get", "/openapi.json"),
    ("get", "/manifest.webmanifest"), ("get", "/icon-192.png"), ("get", "/icon-512.png"),
    ("get", "/sample.jpg"),
}  # fmt: skip


def test_every_route_was_asked(written: Written) -> None:
    described = json.loads((ROOT / "handler" / "web" / "openapi.json").read_text())["paths"]
    known = {
        (method, path)
        for path, methods in described.items()
        for method in methods
        if method in ("get", "post", "put", "delete")
    }
    assert written.requested == known
    assert {200, 400, 403, 404} <= set(written.statuses)
    assert not written.statuses.count(500)


def test_no_secret_is_in_the_log(written: Written) -> None:
    assert "answered" in written.log and len(written.log) > 10_000
    assert planted.find(written.log.encode()) == {}
    assert not re.search("X-Amz-(Signature|Credential|Security-Token)", written.log, re.I)
    for line in written.log.splitlines():
        assert planted.find(line.encode()) == {}, line[:300]


def test_no_secret_is_in_any_object_or_its_key(written: Written) -> None:
    found = {name: told for name, body in written.objects.items() if (told := planted.find(body))}
    assert found == {}


def test_no_secret_is_in_an_answer(written: Written) -> None:
    assert len(written.answers) > 50
    for answer in written.answers:
        # A client is told which of its own names was wrong.
        found = planted.find(answer).keys() - {"file name", "form field"}
        assert not found, answer[:500]


def test_the_search_finds_what_is_there() -> None:
    """In every form that it looks for, or an empty result above would mean nothing."""
    import gzip

    line = json.dumps({"detail": f"the key {KEY} is not known"}).encode()
    assert list(planted.find(line)) == ["API key"]
    for hidden in (
        base64.b64encode(line),
        base64.b64encode(b"x" + line),
        base64.urlsafe_b64encode(b"xy" + line),
        gzip.compress(line),
        b'{"prediction_record_gzip": "' + base64.b64encode(gzip.compress(line)) + b'"}',
        line.hex().encode(),
        line.upper(),
        quote(line.decode()).encode(),
    ):
        assert "API key" in planted.find(hidden), hidden[:80]
    assert any("picture" in name for name in planted.find(PICTURE))
    assert any("picture" in name for name in planted.find(b"{" + BASE64.encode()))
    assert any("picture" in name for name in planted.find(repr(PICTURE).encode()))
    assert "EXIF text" in planted.find(PICTURE)
    assert "address" in planted.find(f"from {ADDRESS}:443".encode())
    assert planted.find(b"nothing to see") == {}
