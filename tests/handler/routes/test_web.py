"""The page's files as HTTP: types, caching, compression, and a policy that fits what is sent."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
from collections import Counter

import pytest
from PIL import Image

from handler.routes import web
from scripts.local.http_event import FORMS, to_response
from tests.support.app import App

MAX_BYTES = 60_000  # of all that a visit loads, compressed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", web.PATHS)
def test_files_are_served_in_every_form_of_event(app: App, path: str, form: str) -> None:
    plain = app.send("GET", path, form=form)
    packed = app.send("GET", path, headers=[("Accept-Encoding", "br, gzip")], form=form)
    assert (plain.status, packed.status) == (200, 200)
    assert plain.header("Content-Encoding") is None
    # A REST API passes base64 on as text, unless it is set up otherwise.
    assert packed.header("Content-Encoding") == (None if form == "rest-api" else "gzip")
    assert (packed.body if form == "rest-api" else gzip.decompress(packed.body)) == plain.body
    assert plain.body
    expected = web.FILES.get(path, "text/html; charset=utf-8")
    assert plain.header("Content-Type") == packed.header("Content-Type") == expected
    assert plain.header("X-Content-Type-Options") == "nosniff"
    assert plain.header("Vary") == "Accept-Encoding"


def test_a_page_that_is_known_is_not_sent_again(app: App) -> None:
    etag = app.send("GET", "/").header("ETag")
    assert etag and etag.startswith('W/"')
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = app.send("GET", "/", headers=[("If-None-Match", known)])
        assert (again.status, again.body) == (304, b""), known
        assert again.header("ETag") == etag
    assert app.send("GET", "/", headers=[("If-None-Match", '"other"')]).status == 200


def test_head_and_methods_that_are_not_there(app: App) -> None:
    assert app.send("HEAD", "/").status == 200
    refused = app.send("POST", "/")
    assert (refused.status, refused.header("Allow")) == (405, "GET, HEAD")


def test_the_policy_allows_what_is_in_the_page_and_nothing_else(app: App) -> None:
    answer = app.send("GET", "/")
    page = answer.body.decode()
    policy = dict(
        part.split(" ", 1) for part in (answer.header("Content-Security-Policy") or "").split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        inline = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.DOTALL)
        digests = [
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in inline
        ]
        assert len(inline) == 1 and policy[name] == digests[0]
    assert not re.search(
        r"<[^>]+\s(style|on\w+)=", page.partition("<body>")[2].split("<script>")[0]
    )


def test_the_api_is_described_on_a_page_that_loads_and_runs_nothing(app: App) -> None:
    answer = app.send("GET", "/docs")
    page = answer.body.decode()
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.header("Content-Security-Policy") or ""
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; ")
    assert "<script" not in page and "src=" not in page
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    linked = re.findall(r'href="([^"]+)"', page)
    assert {each[1:] for each in linked if each[0] == "#"} <= set(names)
    assert {each for each in linked if each[0] != "#" and not each.startswith("data:")} == {
        "openapi.json",
        "./",
    }


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Host", "api.lab.org"), ("X-Forwarded-Proto", "https")], "https://api.lab.org"),
        ([("Host", "127.0.0.1:8080")], "http://127.0.0.1:8080"),
        ([("Host", 'a"><script>')], web.API_URL),
    ],
)
def test_the_examples_have_the_urls_that_the_reader_came_by(
    app: App, headers: list[tuple[str, str]], expected: str
) -> None:
    page = app.send("GET", "/docs", headers=headers).body.decode()
    assert f"curl -H &#x27;x-api-key: KEY&#x27; {expected}/v1/model" in page
    assert (web.API_URL in page) == (expected == web.API_URL)
    document = json.loads(app.send("GET", "/openapi.json", headers=headers).body)
    sample = document["paths"]["/v1/uploads"]["post"]["x-codeSamples"][0]["source"]
    assert sample.endswith(f" {expected}/v1/uploads")


def test_the_examples_have_the_stage(app: App) -> None:
    headers = [
        ("Host", "abc.execute-api.eu-central-1.amazonaws.com"),
        ("X-Forwarded-Proto", "https"),
    ]
    event = app.event("GET", "/prod/docs", headers=headers)
    event["requestContext"]["stage"] = "prod"
    page = to_response(app.invoke(event)).body.decode()
    assert f"https://{headers[0][1]}/prod/v1/model" in page


def test_comments_stay_here(app: App) -> None:
    page = app.send("GET", "/").body.decode()
    script = page.partition("<script>")[2].partition("</script>")[0]
    assert "State, events and helpers" not in script and "\n  " not in script
    for path in web.FOLDER.glob("style/*.css"):
        for comment in re.findall(
            r"^ */\*.*?\*/([^\n]*)$", path.read_text(), re.DOTALL | re.MULTILINE
        ):
            assert not comment.strip(), f"{path.name}: {comment}"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("const a = (b, c) => { d(b); }; // why", "const a=(b,c)=>{d(b);};"),
        ("/* a\n * it's */\n  x = 1;\n\n  y = 2;", "\nx=1;\ny=2;"),
        ('a("b, // c : d", \'e = "f"\') ? g : h', 'a("b, // c : d",\'e = "f"\')?g:h'),
        ("`a, ${b ? `c : ${d} , e` : f } = g`", "`a, ${b?`c : ${d} , e`:f} = g`"),
        ("`${{ a: 1 }.a} , b` + c", "`${{a:1}.a} , b` + c"),
        ('x.split(/[" ,/] = /).map((y) => y / 2 / z)', 'x.split(/[" ,/] = /).map((y)=>y / 2 / z)'),
        ("return !a && b - -c", "return!a&&b - -c"),
    ],
)
def test_only_code_is_squeezed(written: str, sent: str) -> None:
    assert web.squeeze(written) == sent


def test_the_page_loads_nothing_from_elsewhere(app: App) -> None:
    page = app.send("GET", "/").body.decode()
    addresses = re.findall(r"https?://[^\s\"'<>)]+", page)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}
    # relative to whatever path the page has, such as a stage's: none begins with a slash
    assert not re.findall(r"""(?:href|src|action)=["']/""", page)


def test_no_two_parts_of_the_script_share_a_name() -> None:
    """They are one script: of two functions of one name the later would silently be both."""
    parts = re.findall(r'<script src="([^"]+)"', (web.FOLDER / "index.html").read_text())
    script = "".join((web.FOLDER / part).read_text() for part in parts)
    names = re.findall(r"^(?:async function|function|const|let) (\w+)", script, re.MULTILINE)
    assert len(names) > 100
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_page_is_small(app: App) -> None:
    headers = [("Accept-Encoding", "gzip")]
    icons = {"/icon-192.png", "/icon-512.png"}  # loaded by who installs it
    of_page = set(web.PATHS) - {"/docs", "/openapi.json", "/sample.jpg"} - icons
    assert sum(len(app.send("GET", path).body) for path in icons) < 5_000
    assert sum(len(app.send("GET", path, headers=headers).body) for path in of_page) < MAX_BYTES
    assert len(app.send("GET", "/sample.jpg").body) < 200_000  # loaded by who asks for it


def test_the_manifest_is_installable(app: App) -> None:
    """What browsers ask for: a name, where to start, and icons of 192 and 512 px."""
    manifest = json.loads(app.send("GET", "/manifest.webmanifest").body)
    assert manifest["name"] and manifest["display"] == "standalone"
    assert manifest["start_url"] == manifest["scope"] == "./"
    sizes = set()
    for icon in manifest["icons"]:
        with Image.open(io.BytesIO(app.send("GET", f"/{icon['src']}").body)) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]
            sizes.add(picture.size)
    assert sizes == {(192, 192), (512, 512)}
    assert any(icon["purpose"] == "maskable" for icon in manifest["icons"])


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """INIT pays for no file of a page that most execution environments never send."""
    program = "import handler.app, handler.routes.web as web; print(web.load.cache_info().currsize)"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split()[-1] == "0"
