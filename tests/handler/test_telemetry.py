"""What reaches the log, in a process of its own as Lambda starts it: whole lines, and no secret."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.faulty_bundle import make_faulty_bundle
from tests.support.http import Reply, fake_server
from tests.support.paths import ROOT
from tests.support.pictures import RED, encoded, jpeg

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLEHUSH",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIhush",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luhush",
}
EXIF_TEXT = "taken at home, hush"
JSON = [("Content-Type", "application/json")]
ID = "0" * 32
MODIFIED = {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
# awslambdaric gives the root logger a handler and AWS_LAMBDA_LOG_LEVEL before the handler is loaded
PROGRAM = """
import json, logging, os, sys
logging.basicConfig(stream=sys.stderr, level=os.environ["LOG_LEVEL"])
from handler.app import lambda_handler
for line in sys.stdin:
    result = lambda_handler(json.loads(line), None)
    print("status", result["statusCode"] if "statusCode" in result else result.get("status", 200))
    json.dumps(result, ensure_ascii=False).encode()  # as the runtime does
"""


def run(events: list[Any], bundle: Path, **env: str) -> tuple[list[int], str]:
    """The statuses of the events, and all that the process has written."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(map(json.dumps, events)),
        env={"PATH": os.environ["PATH"], "MODEL_DIR": str(bundle), "NO_PROXY": "127.0.0.1", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    statuses = [
        int(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("status ")
    ]
    return statuses, ran.stdout + ran.stderr


def post(target: str, body: bytes, headers: Any = ()) -> Any:
    return to_http_api(HttpRequest("POST", target, headers, body))


def with_exif_text() -> bytes:
    """A JPEG and a TIFF tag's text, which Pillow logs at DEBUG as it reads it."""
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = EXIF_TEXT  # ImageDescription
    exif[0x0112] = 6
    Image.open(io.BytesIO(jpeg(RED))).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def tiff_with_text() -> bytes:
    stream = io.BytesIO()
    tags = {0x010E: EXIF_TEXT}
    Image.open(io.BytesIO(encoded(RED, "PNG"))).save(stream, "TIFF", tiffinfo=tags)
    return stream.getvalue()


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
@pytest.mark.parametrize("status", [200, 403, 503])
def test_no_level_logs_a_secret_or_a_pictures_text(
    tiny_bundle: Path, level: str, status: int
) -> None:
    part = b'--XX\r\nContent-Disposition: form-data; name="hush"; filename="a"\r\n\r\n'
    with fake_server(lambda _: Reply(status, b"", MODIFIED)) as s3:
        events = [
            post("/v1/detect", json.dumps({"upload_id": ID}).encode(), JSON),
            post("/v1/detect", json.dumps({"s3_uri": "s3://mine/a"}).encode(), JSON),
            post("/v1/uploads", b'{"content_type": "image/png", "bytes": 9}', JSON),
            post("/gradio_api/call/predict", b'{"data": []}', JSON),
            post("/v1/detect", with_exif_text()),
            post("/v1/detect", tiff_with_text()),
            post(
                "/v1/detect",
                part + with_exif_text() + b"\r\n--XX--\r\n",
                [("Content-Type", "multipart/form-data; boundary=XX")],
            ),
        ]
        statuses, written = run(
            events,
            tiny_bundle,
            LOG_LEVEL=level,
            UPLOAD_STORE="s3://icebox-uploads",
            GRADIO_STORE="s3://icebox-records",
            S3_URI_BUCKETS="mine",
            AWS_ENDPOINT_URL_S3=s3.url,
            AWS_DEFAULT_REGION="eu-central-1",
            **SECRETS,
        )
        assert s3.seen, "nothing was asked of S3"
    assert statuses[-3:] == [200, 200, 200]
    for secret in (*SECRETS.values(), EXIF_TEXT):
        assert secret not in written
    assert "hush" not in written and "Found credentials" not in written
    assert "X-Amz-Signature" not in written


def test_a_clients_text_in_the_log_is_bounded(tiny_bundle: Path) -> None:
    long = "clienttext" * 600
    bodies: list[Any] = [
        post("/v1/detect", jpeg(RED), [("Accept", long)]),
        post(f"/v1/detect?{long}=1", jpeg(RED)),
        post(f"/v1/detect?score_threshold={long}", jpeg(RED)),
        post(f"/v1/detect?labels={long}", jpeg(RED)),
        post(f"/v1/detect?tiles={long}", jpeg(RED)),
        post(f"/project/1?classes={long}", jpeg(RED)),
        post(f"/project/1?format={long}", jpeg(RED)),
        post(f"/models/{long}", jpeg(RED)),
        post(f"/{long}", jpeg(RED)),
        post("/v1/detect", json.dumps({"upload_id": long}).encode(), JSON),
        post("/v1/detect", json.dumps({"s3_uri": f"s3://{long}"}).encode(), JSON),
        post("/v1/detect", json.dumps({"image": f"data:{long},a"}).encode(), JSON),
        post("/hf", json.dumps({"inputs": "AAAA", "parameters": {long: 1}}).encode(), JSON),
        post("/api/predict", json.dumps({"data": [long]}).encode(), JSON),
        post(
            "/v1/detect",
            b'--XX\r\nContent-Disposition: form-data; name="%b"\r\n\r\nx\r\n--XX--\r\n'
            % long.encode(),
            [("Content-Type", "multipart/form-data; boundary=XX")],
        ),
    ]
    statuses, written = run(bodies, tiny_bundle, LOG_LEVEL="INFO")
    lines = [line for line in written.splitlines() if '"answered"' in line]
    assert len(lines) == len(bodies) == len(statuses)
    assert max(map(len, lines)) < 1500
    assert set(statuses) <= {400, 403, 404, 406, 415, 422}
    for line in lines:
        assert json.loads(line)["detail"].count("clienttext") <= 50


HALF = "\ud800"
HALVES: dict[str, Any] = {
    "a parameter of Hugging Face's": post(
        "/hf", b'{"inputs":"AAAA","parameters":"\\ud800"}', JSON
    ),
    "another member": post("/v1/detect", b'{"\\udc00": 1}', JSON),
    "an upload's id": post("/v1/detect", b'{"upload_id": "\\ud800"}', JSON),
    "a path": {**post("/x", b""), "rawPath": f"/{HALF}"},
    "a model": {**post("/x", b""), "rawPath": f"/models/{HALF}"},
    "Accept": {**post("/v1/detect", b"x"), "headers": {"accept": HALF}},
    "a key": {**post("/v1/detect", b"x"), "headers": {"x-api-key": HALF}},
    "a query": {**post("/v1/detect", b"x"), "rawQueryString": HALF},
    "Content-Type": {**post("/v1/detect", b"x"), "headers": {"content-type": HALF}},
    "a method": {
        **post("/v1/detect", b"x"),
        "requestContext": {"stage": "$default", "http": {"method": HALF}},
    },
    "a body": {**post("/v1/detect", b"x"), "body": HALF, "isBase64Encoded": False},
    "a direct invoke": {"image": HALF},
    "a direct parameter": {"image": "AAAA", "labels": HALF},
    "a direct name": {"image": "AAAA", HALF: 1},
}  # fmt: skip
for name in ("x-forwarded-proto", "host", "x-forwarded-host"):
    for path in ("/config", "/gradio_api/info", "/", "/health"):
        event = to_http_api(HttpRequest("GET", path))
        HALVES[f"{name} of {path}"] = {**event, "headers": {name: f"a{HALF}b"}}


def test_half_a_surrogate_pair_ends_nothing_and_loses_no_line(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    store = (tmp_path / "store").as_uri()
    statuses, written = run(
        list(HALVES.values()), tiny_bundle, LOG_LEVEL="INFO", GRADIO_STORE=store
    )
    assert len(statuses) == len(HALVES)
    assert max(statuses) < 500
    lines = [json.loads(line) for line in written.splitlines() if '"answered"' in line]
    assert len(lines) == len(HALVES)
    assert "Traceback" not in written and "UnicodeEncodeError" not in written


def test_libraries_are_quiet_whatever_the_root_logger_does(tiny_bundle: Path) -> None:
    from handler.telemetry import QUIET_LIBRARIES, quieten_libraries

    root = logging.getLogger()
    before = root.level
    try:
        root.setLevel(logging.DEBUG)
        quieten_libraries()
        for name in (*QUIET_LIBRARIES, "botocore.auth", "PIL.TiffImagePlugin", "anything.else"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
        root.setLevel(logging.DEBUG)  # the runtime client might do so later
        for name in ("botocore.auth", "botocore.credentials", "PIL.TiffImagePlugin", "urllib3"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO), name
    finally:
        root.setLevel(before)


def test_base64_of_a_picture_is_no_text_of_a_log_line(tiny_bundle: Path) -> None:
    body = json.dumps({"image": base64.b64encode(jpeg(RED)).decode() + "@"}).encode()
    statuses, written = run([post("/v1/detect", body, JSON)], tiny_bundle, LOG_LEVEL="DEBUG")
    assert statuses == [400]
    assert len(written) < 3000


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_level_takes_effect_where_lambda_sets_its_own(tmp_path: Path, level: str) -> None:
    """Lambda sets AWS_LAMBDA_LOG_LEVEL to the ApplicationLogLevel, which is INFO for all of these
    but DEBUG; metrics, and records that no store took, come out at every level."""
    bundle = make_faulty_bundle(tmp_path / "bundle", [((np.nan, 1, 30, 30), 0.9, 0)])
    (tmp_path / "predictions").write_text("a file where the log has its folder")
    statuses, written = run(
        [post("/v1/detect", jpeg(RED))],
        bundle,
        LOG_LEVEL=level,
        AWS_LAMBDA_LOG_LEVEL="DEBUG" if level == "DEBUG" else "INFO",
        AWS_LAMBDA_LOG_FORMAT="JSON",
        PREDICTION_LOG=tmp_path.as_uri(),
    )
    assert statuses == [200]
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    levels = [line["level"] for line in lines if line.get("service") == "icebox"]
    expected = {"DEBUG": ["INFO", "ERROR"], "INFO": ["INFO", "ERROR"]}
    assert levels == expected.get(level, [] if level == "CRITICAL" else ["ERROR"])
    assert sum("_aws" in line for line in lines) == 1
    assert sum("prediction_record" in line for line in lines) == 1


def metrics_of(written: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.splitlines() if line.startswith('{"_aws"')]


def test_metrics_are_of_stage_and_function_and_three_of_the_versions(tiny_bundle: Path) -> None:
    events = [
        post("/v1/detect", jpeg(RED)),
        post("/v1/detect", b"no picture"),
        post("/health", b""),
    ]
    _, written = run(
        events,
        tiny_bundle,
        LOG_LEVEL="INFO",
        STAGE="prod",
        AWS_LAMBDA_FUNCTION_NAME="icebox-prod-f",
        AWS_LAMBDA_FUNCTION_VERSION="7",
    )
    first, refused = metrics_of(written)  # /health writes none
    for line in (first, refused):
        assert {name: line[name] for name in ("stage", "function_name", "function_version")} == {
            "stage": "prod",
            "function_name": "icebox-prod-f",
            "function_version": "7",
        }
        assert (
            line["model_version"] == json.loads((tiny_bundle / "model.json").read_text())["version"]
        )
        assert [each["Dimensions"] for each in line["_aws"]["CloudWatchMetrics"]][:2] == [
            [["stage", "function_name"]],
            [["stage", "function_name", "function_version", "model_version"]],
        ]
        assert {each["Namespace"] for each in line["_aws"]["CloudWatchMetrics"]} == {"Icebox"}
    names = [
        [
            [metric["Name"] for metric in each["Metrics"]]
            for each in line["_aws"]["CloudWatchMetrics"]
        ]
        for line in (first, refused)
    ]
    times = ["DecodeTime", "InferenceTime", "TotalTime"]
    of_function = ["Rejected", "Detections", *times, "ColdStart"]
    assert names == [
        [of_function, ["Rejected", "Detections", "TotalTime"], ["TotalTime"]],
        [["Rejected"]] * 2,
    ]
    *_, of_release = first["_aws"]["CloudWatchMetrics"]
    assert of_release["Dimensions"] == [["stage", "function_name", "function_version"]]
    assert sum(map(len, names[0])) == 10  # as many as CloudWatch gives for nothing
    assert (first["Rejected"], refused["Rejected"], first["ColdStart"]) == ([0], [1], [1])
    units = {
        metric["Name"]: metric["Unit"]
        for metric in first["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert units == {name: "Milliseconds" if name in times else "Count" for name in of_function}


def test_more_values_than_a_line_takes_are_several_lines(tiny_bundle: Path) -> None:
    text = base64.b64encode(jpeg(RED)).decode()
    event = post("/v1/detect", json.dumps({"images": [text] * 230}).encode(), JSON)
    statuses, written = run([event], tiny_bundle, LOG_LEVEL="INFO", MAX_PICTURES="250")
    assert statuses == [200]
    assert [len(line["Detections"]) for line in metrics_of(written)] == [100, 100, 30]
    assert [line.get("ColdStart") for line in metrics_of(written)] == [[1], None, None]
