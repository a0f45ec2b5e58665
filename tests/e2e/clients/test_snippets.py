"""What docs/clients.md shows, run out of it against the function on loopback: here, since large
pictures go by S3."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.paths import ROOT
from tests.e2e.clients.conftest import serving
from tests.support.app import App, make_app
from tests.support.moto_s3 import keys, make_bucket
from tests.support.pictures import RED, RED_AND_GREEN, jpeg

PAGE = (ROOT / "docs" / "clients.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SH = [code for language, code in BLOCKS if language == "sh"]
PYTHON = [code for language, code in BLOCKS if language == "python"]
JAVASCRIPT = "\n".join(code for language, code in BLOCKS if language == "js")
NOT_RUN = {"dart", "swift"}
BUCKET = "icebox-snippets"


@pytest.fixture
def app(s3: Any, tiny_bundle: Path, tmp_path: Path) -> Iterator[App]:
    bucket = make_bucket(s3, BUCKET)
    with make_app(
        tiny_bundle,
        tmp_path / "log",
        UPLOAD_STORE=f"s3://{bucket}",
        API_KEY_SHA256=hashlib.sha256(b"KEY").hexdigest(),
    ) as made:
        yield made


@pytest.fixture
def url(app: App) -> Iterator[str]:
    with serving(app.module.lambda_handler) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader would be: the pictures that the page names, and a copy of the client."""
    made = tmp_path / "here"
    made.mkdir()
    (made / "photo.jpg").write_bytes(jpeg(RED_AND_GREEN))
    (made / "large.jpg").write_bytes(jpeg(RED))
    shutil.copy(ROOT / "clients" / "icebox.py", made)
    return made


def run(folder: Path, url: str, code: str, *command: str) -> str:
    """What a snippet prints."""
    assert "https://API" in code
    ran = subprocess.run(
        [*command, code.replace("https://API", url)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def feedback(app: App) -> list[int]:
    paths = app.log_root.glob("feedback/**/*.json.gz")
    return [json.loads(gzip.decompress(path.read_bytes()))["count"] for path in paths]


def test_each_language_is_run_or_named_as_not() -> None:
    # the console block is run by test_icebox.py
    assert {language for language, _ in BLOCKS} == {"sh", "python", "js", "console"} | NOT_RUN
    assert (len(SH), len(PYTHON)) == (5, 2)
    assert "Dart and Swift are not run" in PAGE


def test_curl(url: str, folder: Path, app: App, s3: Any) -> None:
    count, annotated, several, correction, large = SH
    assert json.loads(run(folder, url, count, "sh", "-ec"))["count"] == 3
    run(folder, url, annotated, "sh", "-ec")
    assert (folder / "annotated.jpg").read_bytes().startswith(b"\xff\xd8")
    told = json.loads(run(folder, url, several, "sh", "-ec"))
    assert [each["count"] for each in told] == [3, 1]
    assert json.loads(run(folder, url, correction, "sh", "-ec"))["count"] == 5
    assert feedback(app) == [5]
    assert json.loads(run(folder, url, large, "sh", "-ec"))["count"] == 1
    [key] = keys(s3, BUCKET)
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentType"] == "image/jpeg"


def test_python(url: str, folder: Path, app: App) -> None:
    with_client, without = PYTHON
    printed = run(folder, url, with_client, sys.executable, "-c").split("\n")
    assert printed[0] == "3 None" and len(printed[1:4]) == 3 and printed[4] == "1"
    assert feedback(app) == [5]
    assert run(folder, url, without, sys.executable, "-c") == "3\n"


@pytest.mark.needs_node
def test_javascript(url: str, folder: Path, app: App, s3: Any) -> None:
    call = """
    import {readFileSync} from "node:fs";
    const file = (name) => new Blob([readFileSync(name)], {type: "image/jpeg"});
    const found = await detect(file("photo.jpg"));
    const large = await detectLarge(file("large.jpg"));
    await correct(found, 5);
    const wrong = await detect(new Blob(["hello, I am a text"])).catch((error) => error.message);
    console.log(JSON.stringify([found.count, large.count, wrong]));
    """
    printed = run(folder, url, JAVASCRIPT + call, "node", "--input-type=module", "--eval")
    *counts, wrong = json.loads(printed)
    assert counts == [3, 1] and "this looks like text" in wrong
    assert feedback(app) == [5] and len(keys(s3, BUCKET)) == 1
