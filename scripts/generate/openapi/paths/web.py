"""The web page and its files, and the API's description."""

from __future__ import annotations

from typing import Any

from scripts.generate.openapi.elements import operation

SUMMARIES = {
    "/": "The web page",
    "/docs": "The API described, to read",
    "/openapi.json": "The API described, for tools",
    "/sample.jpg": "A rendered picture to try",
}


def paths() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for path, name, media_type in (
        ("/", "page", "text/html"),
        ("/docs", "docs", "text/html"),
        ("/openapi.json", "openapi", "application/json"),
        ("/manifest.webmanifest", "webManifest", "application/manifest+json"),
        ("/icon-192.png", "icon192", "image/png"),
        ("/icon-512.png", "icon512", "image/png"),
        ("/sample.jpg", "sample", "image/jpeg"),
    ):
        file = {"description": "the file", "content": {media_type: {"schema": {}}}}
        unchanged = {"description": "the file is the one of If-None-Match"}
        operations[path] = {
            "get": operation(
                name,
                "Page",
                SUMMARIES.get(path, "A file of the page"),
                "",
                {200: file, 304: unchanged},
                is_open=True,
            )
        }
    return operations
