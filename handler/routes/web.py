"""`GET /`: the web page, whole in one response, and the few files that its installation needs;
`GET /sample.jpg`: the picture that it offers to try;
`GET /docs` and `GET /openapi.json`: the API's description.

Style, script and icon are put into the page: a page of five requests would start five cold
execution environments, and behind a stage or not, the page needs no address of its own files.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handler.http.request import Request, Response
from handler.http.route import Endpoint, Route, Routes
from handler.invocation import Invocation

FOLDER = Path(__file__).parents[1] / "web"
PAGE, DOCS = "/", "/docs"
FILES = {
    "/openapi.json": "application/json",
    "/manifest.webmanifest": "application/manifest+json",
    "/icon-192.png": "image/png",
    "/icon-512.png": "image/png",
    "/sample.jpg": "image/jpeg",
}
PATHS = (PAGE, DOCS, *FILES)
# What the page's text holds in place of the files that are put into it.
_STYLE = re.compile(r'<link rel="stylesheet" href="([\w/]+\.css)">\n')
_SCRIPT = re.compile(r'<script src="([\w/]+\.js)"></script>\n')
_ICON = 'href="icon.svg"'
_SPACES = re.compile(r"\s*([{};])\s*|(?<=:) ")  # that a style does not need
# Pieces of a script, and the text of a template up to its end or to an expression in it.
_TOKEN = re.compile(
    r"""//[^\n]*|/\*[\s\S]*?\*/|\s*(?P<line>\n)\s*"""
    r"""|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
    r"""|/(?! )(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\[\n])+/)"""
    r"""|(?P<template>`)|[ ]?(?P<brace>[{}])[ ]?|[ ]?(?P<sign>[()\[\];,:=<>*?&|!])[ ]?"""
    r"""|(?P<other>[^"'`{}()\[\];,:=<>*?&|!\s/]+|[\s\S])"""
)
_TEMPLATE = re.compile(r"(?:\\.|[^`\\$]|\$(?!\{))*(`|\$\{)")
API_URL = "https://API"  # in the files that describe the API, in place of its own


@dataclass(frozen=True)
class File:
    """A file as it is sent. etag: weak, since it stands for the gzipped form, too."""

    plain: bytes
    gzipped: bytes
    etag: str
    headers: Mapping[str, str]


def routes(upload_origins: tuple[str, ...]) -> Routes:
    """upload_origins: where the page may put large pictures."""
    return {
        path: Route({"GET": make_endpoint(path, upload_origins)}, is_open=True) for path in PATHS
    }


def make_endpoint(path: str, upload_origins: tuple[str, ...]) -> Endpoint:
    """Files are read on the first request for one, not at INIT: most environments get none."""

    def endpoint(request: Request, _: Invocation) -> Response:
        file = load(path, upload_origins)
        if path in (DOCS, "/openapi.json"):
            file = _with_url(file, _api_url(request, path))
        headers = {**file.headers, "ETag": file.etag, "Vary": "Accept-Encoding"}
        media_type = headers.pop("Content-Type")
        if _is_known(request.headers.get("if-none-match", ""), file.etag):
            return Response(304, media_type, "", headers)
        if not request.takes_gzip:
            return Response(200, media_type, file.plain, headers)
        return Response(200, media_type, file.gzipped, headers | {"Content-Encoding": "gzip"})

    return endpoint


@functools.cache
def load(path: str, upload_origins: tuple[str, ...]) -> File:
    """One of PATHS, ready to be sent."""
    if path in FILES:
        headers = {"Content-Type": FILES[path], "Cache-Control": "public, max-age=86400"}
        return _file((FOLDER / path[1:]).read_bytes(), headers)
    icon = base64.b64encode((FOLDER / "icon.svg").read_bytes()).decode()
    icon = f'href="data:image/svg+xml;base64,{icon}"'
    if path == DOCS:
        page = _text("docs.html").replace(_ICON, icon)
        allowed = {"style-src": _hash(_between(page, "<style>", "</style>")), "img-src": "data:"}
        return _page(page, allowed)
    page = _text("index.html")
    style = _SPACES.sub(r"\1", "".join(map(_code, _STYLE.findall(page))))
    script = squeeze("".join(map(_text, _SCRIPT.findall(page))))  # one, so that all parts share
    page = (
        re.sub(r"\n\s+<", "\n<", _STYLE.sub("", _SCRIPT.sub("", page)))
        .replace("</body>", f"<script>{script}</script>\n</body>")
        .replace("</head>", f"<style>{style}</style>\n</head>")
        .replace(_ICON, icon)
    )
    policy = {
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "'self' blob: data:",
        "connect-src": " ".join(("'self'", *upload_origins)),
        "manifest-src": "'self'",
    }
    return _page(page, policy)


def _with_url(file: File, api_url: str) -> File:
    """A file that describes the API, with its own URL."""
    return _file(file.plain.replace(API_URL.encode(), api_url.encode()), file.headers)


def _api_url(request: Request, path: str) -> str:
    """Where the client found the API, a stage's path included; the placeholder where it is not
    known."""
    stage = request.path.removesuffix(path)
    if not (request.origin() and re.fullmatch(r"[\w/.~-]*", stage)):
        return API_URL
    return request.origin() + stage


def _page(page: str, allowed: Mapping[str, str]) -> File:
    """A page's file. allowed: what its Content Security Policy lets in; else nothing."""
    policy = {
        "default-src": "'none'",
        **allowed,
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",  # asked for each time, sent when it has changed
        "Content-Security-Policy": "; ".join(" ".join(pair) for pair in policy.items()),
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "geolocation=(), microphone=(), payment=()",
    }
    return _file(page.encode(), headers)


def _file(plain: bytes, headers: Mapping[str, str]) -> File:
    import gzip
    import hashlib

    etag = f'W/"{hashlib.sha256(plain).hexdigest()[:20]}"'
    return File(
        plain,
        gzip.compress(plain, 9, mtime=0),
        etag,
        {**headers, "X-Content-Type-Options": "nosniff"},
    )


def _code(name: str) -> str:
    """A part of the style without its comments and indents."""
    text = re.sub(r"^ */\*(?:(?!\*/).)*\*/ *\n", "", _text(name), flags=re.DOTALL | re.MULTILINE)
    return "".join(f"{line.strip()}\n" for line in text.splitlines())


def squeeze(script: str) -> str:
    """The script without its comments, indents and the spaces beside its signs, a fourth of its
    gzipped bytes: the parts stay files one can read. Strings, templates and regular expressions
    stay as they are. It counts on the house's style: a space on both sides of a division."""
    pieces = []
    braces: list[int] = []  # open ones within each ${} that is open
    at = 0
    while at < len(script):
        found = _TOKEN.match(script, at)
        assert found is not None  # the last alternative takes any character
        at, kind = found.end(), found.lastgroup
        pieces.append(found[kind] if kind else "")
        if kind == "brace" and braces:
            braces[-1] += 1 if found["brace"] == "{" else -1
            if braces[-1]:
                continue
            braces.pop()
            at = found.end("brace")
        elif kind != "template":
            continue
        text = _TEMPLATE.match(script, at)
        if text is None:
            raise ValueError(f"a template has no end: {script[at : at + 60]!r}")
        at = text.end()
        pieces.append(text[0])
        if text[1] == "${":
            braces.append(1)
    return re.sub("\n+", "\n", "".join(pieces))


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _between(text: str, opening: str, closing: str) -> str:
    return text.partition(opening)[2].partition(closing)[0]


def _hash(inline: str) -> str:
    """An inline text's source expression (Content Security Policy Level 3)."""
    import hashlib

    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


def _is_known(if_none_match: str, etag: str) -> bool:
    """RFC 9110's weak comparison."""
    known = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return etag.removeprefix("W/") in known or known == ["*"]
