"""The store behaves alike in a folder and in S3 (a moto server over HTTP)."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from handler.records.record import partition
from handler.storage.s3 import is_transient
from handler.storage.store import Store, open_store
from tests.support.app import make_app
from tests.support.http import Reply, Seen, fake_server
from tests.support.moto_s3 import make_bucket
from tests.support.pictures import RED, jpeg


@pytest.fixture(params=["file", "s3", "s3 with a prefix"])
def url(request: pytest.FixtureRequest, s3: Any, tmp_path: Path) -> str:
    if request.param == "file":
        return (tmp_path / "store").as_uri()
    name = make_bucket(s3, "icebox-store")
    return f"s3://{name}/a/gradio" if "prefix" in request.param else f"s3://{name}"


def opened(url: str) -> Store:
    store = open_store("GRADIO_STORE", url)
    assert store
    return store


def test_what_one_leaves_another_finds(url: str) -> None:
    here, there = opened(url), opened(url)
    assert here.get("sessions/s/1") is None
    assert here.list("sessions/s/") == []
    here.put("sessions/s/2", b"two")
    here.put("sessions/s/1", b"")
    here.put("sessions/s/1", b"one")
    here.put("sessions/st/3", b"of another session")
    assert there.list("sessions/s/") == ["sessions/s/1", "sessions/s/2"]
    assert there.get("sessions/s/1") == b"one"
    there.delete("sessions/s/1")
    there.delete("sessions/s/1")
    assert here.list("sessions/s/") == ["sessions/s/2"]
    assert here.get("sessions/s/1") is None


def test_what_is_there_is_known_without_reading_it(url: str) -> None:
    store, key = opened(url), "predictions/model=a.b/dt=2026-01-01/one.json.gz"
    assert not store.has(key)
    store.put(key, b"")
    assert store.has(key)
    assert not store.has("predictions/model=a.b")


def test_whether_any_key_begins_so_is_known(url: str) -> None:
    store = opened(url)
    prefixes = ("predictions/hour=04/batch-", "predictions/hour=04/", "predictions/hour=0")
    assert [store.has_any(prefix) for prefix in prefixes] == [False, False, False]
    store.put("predictions/hour=04/one.json.gz", b"")
    assert [store.has_any(prefix) for prefix in prefixes] == [False, True, True]
    store.put("predictions/hour=04/batch-1.jsonl.gz", b"")
    assert [store.has_any(prefix) for prefix in prefixes] == [True, True, True]


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "a//b", "a/.b", "a b", "a/"])
def test_a_key_cannot_lead_elsewhere(tmp_path: Path, key: str) -> None:
    store = opened((tmp_path / "store").as_uri())
    uses = [store.get, store.has, store.delete, lambda k: store.put(k, b"")]
    for use in uses if key == "a/" else [*uses, store.has_any]:
        with pytest.raises(ValueError, match="is no key"):
            use(key)


MODEL_NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)  # as the manifest's


@given(MODEL_NAMES, MODEL_NAMES, st.uuids(), st.sampled_from(["", "-1", "-16"]))
def test_every_records_key_is_a_key(name: str, version: str, request_id: Any, part: str) -> None:
    key = f"predictions/{partition(name, version, '2026-01-01T23:59')}/{request_id}{part}.json.gz"
    with tempfile.TemporaryDirectory() as folder:
        store = opened(Path(folder).as_uri())
        store.put(key, b"record")
        assert store.get(key) == b"record"


def test_an_object_has_its_content_type(s3: Any) -> None:
    store = opened(f"s3://{make_bucket(s3, 'icebox-store')}")
    for key, content_type in (("a", "application/gzip"), ("b", None)):
        store.put(key, b"", content_type=content_type)
    types = [s3.get_object(Bucket="icebox-store", Key=key)["ContentType"] for key in ("a", "b")]
    assert types == ["application/gzip", "binary/octet-stream"]


@pytest.mark.parametrize("tries", [1, 2])
def test_a_busy_s3_is_asked_as_often_as_the_store_is_told(
    monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    seen: list[Seen] = []

    def busy(request: Seen) -> Reply:
        seen.append(request)
        return Reply(503)

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with fake_server(busy) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        store = open_store("STORE", "s3://bucket", connect_s=1, read_s=2, tries=tries)
        assert store
        with pytest.raises(ClientError) as raised:
            store.put("a", b"")
    assert is_transient(raised.value)
    assert len(seen) == tries


@pytest.mark.parametrize("url", ["gradio", "s3://", "file://host/x", "http://x/y", "s3://b?x=1"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"GRADIO_STORE=.*expected s3://bucket"):
        open_store("GRADIO_STORE", url)
    assert open_store("GRADIO_STORE", "") is None


def test_a_call_is_answered_by_another_environment(
    url: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    """As curl does it; each `make_app` is an environment of its own."""
    body = (
        b'--XX\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
        + jpeg(RED)
        + b"\r\n--XX--\r\n"
    )
    form = [("Content-Type", "multipart/form-data; boundary=XX")]
    host = [("Host", "api.example.org"), ("X-Forwarded-Proto", "https")]

    def ask(method: str, target: str, body: bytes = b"", headers: list | None = None) -> bytes:
        with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=url) as app:
            answer = app.send(method, target, body, [*host, *(headers or [])])
            assert answer.status == 200, answer.body
            return answer.body

    [path] = json.loads(ask("POST", "/gradio_api/upload", body, form))
    data = json.dumps({"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}).encode()
    event_id = json.loads(ask("POST", "/gradio_api/call/predict", data))["event_id"]
    told = ask("GET", f"/gradio_api/call/predict/{event_id}").decode()
    head, _, rest = told.partition("\n")
    picture, count, details = json.loads(rest.removeprefix("data: "))
    assert (head, count, len(details["detections"])) == ("event: complete", 1, 1)
    assert picture["url"] == f"https://api.example.org/gradio_api/file={picture['path']}"
    drawn = ask("GET", f"/gradio_api/file={picture['path']}")
    assert (drawn[:3], len(drawn)) == (b"\xff\xd8\xff", picture["size"])


def test_a_stream_waits_for_what_another_environment_is_at(
    url: str, tiny_bundle: Path, tmp_path: Path
) -> None:
    """A client ends its stream with the answer, and would give up what it had joined by then."""
    store = opened(url)
    store.put("sessions/abc/1", b"")
    late = threading.Timer(
        0.5, store.put, ("sessions/abc/1", b'{"output": {"data": [7]}, "success": true}')
    )
    with make_app(tiny_bundle, tmp_path / "log", GRADIO_STORE=url) as app:
        late.start()
        answer = app.send("GET", "/gradio_api/queue/data?session_hash=abc")
        late.join()
        first, last = answer.body.decode().strip().split("\n\n")
        assert json.loads(first.removeprefix("data: ")) == {
            "msg": "process_completed", "event_id": "1", "output": {"data": [7]}, "success": True
        }  # fmt: skip
        assert json.loads(last.removeprefix("data: "))["msg"] == "close_stream"
        assert store.list("sessions/abc/") == []
