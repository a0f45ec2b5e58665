"""`GET /health` and `GET /v1/model`: that the function is ready, and what it serves."""

from __future__ import annotations

from handler.bundle.manifest import Manifest
from handler.http.request import Request, Response, json_response
from handler.http.route import Endpoint, Route, Routes
from handler.invocation import Invocation


def routes(manifest: Manifest) -> Routes:
    return {
        "/health": Route({"GET": health(manifest)}, is_open=True),
        "/v1/model": Route({"GET": model(manifest)}),
    }


def health(manifest: Manifest) -> Endpoint:
    """The session was made and ran once at INIT, or no event would reach this endpoint."""

    def endpoint(_: Request, __: Invocation) -> Response:
        return json_response(
            {"status": "ok", "model": {"name": manifest.name, "version": manifest.version}}
        )

    return endpoint


def model(manifest: Manifest) -> Endpoint:
    """The manifest, as it is written beside the model."""

    def endpoint(_: Request, __: Invocation) -> Response:
        return Response(200, "application/json", manifest.to_json())

    return endpoint
