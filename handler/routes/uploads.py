"""`POST /v1/uploads`: a signed URL to put a picture at that is too large for a request."""

from __future__ import annotations

from handler.http.request import Request, Response, json_response
from handler.http.route import Route, Routes
from handler.invocation import Invocation
from handler.problems import BadRequest
from handler.routes.body import parse_json, read_body
from handler.routes.parameters import integer
from handler.storage.uploads import Uploads

PATH = "/v1/uploads"
MEMBERS = {"content_type", "bytes"}
MAX_BYTES = 10**9 - 1  # above any MAX_UPLOAD_BYTES that is of use


def routes(uploads: Uploads) -> Routes:
    def endpoint(request: Request, _: Invocation) -> Response:
        document = parse_json(read_body(request))
        if not isinstance(document, dict) or document.keys() != MEMBERS:
            raise BadRequest(
                'expected JSON like {"content_type": "image/jpeg", "bytes": 12345678}, and nothing '
                "else in it"
            )
        size_bytes = integer("bytes", document["bytes"], most=MAX_BYTES)
        upload = uploads.presign(request.caller, str(document["content_type"]), size_bytes)
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

    return {PATH: Route({"POST": endpoint})}
