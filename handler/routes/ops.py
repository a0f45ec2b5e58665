"""`GET /health` and `GET /v1/model`: that the function is ready, and what it serves."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.bundle.manifest import Manifest
from handler.http.gateway import Endpoint, Request, Route, Routes, json_response
from handler.invocation import Invocation


def routes(manifest: Manifest) -> Routes:
    return {
        "/health": Route({"GET": health(manifest)}, is_open=True),
        "/v1/model": Route({"GET": model(manifest)}),
    }


def health(manifest: Manifest) -> Endpoint:
    """The session was made and ran once at INIT, or there would be no answer at all."""

    def answer(_: Request, __: Invocation) -> Response[Any]:
        return json_response(
            {"status": "ok", "model": {"name": manifest.name, "version": manifest.version}}
        )

    return answer


def model(manifest: Manifest) -> Endpoint:
    """The manifest, as it lies beside the model."""

    def answer(_: Request, __: Invocation) -> Response[Any]:
        return Response(200, "application/json", manifest.to_json())

    return answer
