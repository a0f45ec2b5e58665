"""`POST /v1/uploads`: a large picture's type and size in; a signed URL to put it at out."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from handler.http.gateway import Request, Route, Routes, json_response
from handler.invocation import Invocation
from handler.problems import BadRequest
from handler.routes.body import parse_json, read_body
from handler.routes.parameters import integer
from handler.storage.uploads import Uploads

PATH = "/v1/uploads"
MEMBERS = {"content_type", "bytes"}
MOST = 10**9 - 1  # above any MAX_UPLOAD_BYTES that is of use


def routes(uploads: Uploads) -> Routes:
    def answer(request: Request, _: Invocation) -> Response[Any]:
        document = parse_json(read_body(request))
        if not isinstance(document, dict) or document.keys() != MEMBERS:
            raise BadRequest(
                'expected JSON like {"content_type": "image/jpeg", "bytes": 12345678}, and nothing '
                "else in it"
            )
        size = integer("bytes", document["bytes"], most=MOST)
        upload = uploads.presign(request.caller, str(document["content_type"]), size)
        return json_response(
            {
                "upload_id": upload.upload_id,
                "method": "PUT",
                "url": upload.url,
                "headers": upload.headers,
                "expires_at": upload.expires_at,
            },
            201,
        )

    return {PATH: Route({"POST": answer})}
