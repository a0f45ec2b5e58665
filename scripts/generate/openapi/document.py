"""The OpenAPI document, and the files that the function serves: JSON and a page of HTML."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from scripts.generate.openapi import page
from scripts.generate.openapi.paths import gradio, huggingface, native, roboflow, web
from scripts.generate.openapi.schemas import DEFAULTS, make_schemas
from scripts.paths import ROOT

DOCUMENT = ROOT / "handler" / "web" / "openapi.json"
PAGE = ROOT / "handler" / "web" / "docs.html"

TAGS = {
    "Detect": "The API of its own.",
    "Hugging Face": "As `huggingface_hub` and `@huggingface/inference` speak; PATH is their model.",
    "Gradio 2": "As Gradio 2's page spoke, and apps made for it do.",
    "Gradio": "As `gradio_client` and `@gradio/client` speak today. Needs GRADIO_STORE.",
    "Roboflow": "As Roboflow's hosted API (v0) is spoken to.",
    "Page": "The web page, and this document.",
}


def make_document() -> dict[str, Any]:
    """The OpenAPI document, as JSON values."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Icebox",
            "version": version,
            "summary": "An object detector behind one HTTPS call.",
            "description": (
                "A picture goes in, boxes and a count come out. Boxes are in pixels of the upright "
                "original (EXIF's orientation applied). HEAD is answered wherever GET is. Where "
                "the deployment has keys, all but the page, `/health` and this document ask for "
                "one. A body has at most "
                f"{DEFAULTS.max_body_bytes:,} bytes here, and about 4.5 MB of picture pass API "
                "Gateway and Lambda; larger pictures go by `POST /v1/uploads`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{}, {"bearer": []}, {"key": []}, {"keyInQuery": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": _add_head(
            {
                **native.paths(),
                **huggingface.paths(),
                **gradio.paths(),
                **roboflow.paths(),
                **web.paths(),
            }
        ),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "keyInQuery": {
                    "type": "apiKey", "in": "query", "name": "api_key",
                    "description": "for clients that can change nothing but their URL",
                },
            },
            "schemas": make_schemas(),
        },
    }  # fmt: skip


def _add_head(paths: dict[str, Any]) -> dict[str, Any]:
    """The paths with HEAD wherever there is GET, as handler.http.route answers it."""
    return {
        path: {**methods, "head": _head_of(methods["get"])} if "get" in methods else methods
        for path, methods in paths.items()
    }


def _head_of(get: dict[str, Any]) -> dict[str, Any]:
    own = {"operationId": f"{get['operationId']}Headers", "summary": "Its headers"}
    kept = ("operationId", "tags", "summary", "security", "parameters", "responses")
    return {name: own.get(name, get.get(name)) for name in kept if name in get}


def make_files() -> dict[Path, str]:
    """The text of each file that the function serves, by path."""
    document = make_document()
    return {
        DOCUMENT: json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        PAGE: page.render_page(document),
    }
