"""Requests of AWS's clients as operations with parameters, and results as the answers they read.

The parsers and serializers are moto's, which work by botocore's models of the services; CBOR goes
through JSON.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from scripts.rehearsal import cbor
from scripts.rehearsal.account import AwsError, token

Operations = Mapping[str, Callable[[dict[str, Any]], Any]]
Environ = dict[str, Any]


def answer(service: str, operations: Operations, environ: Environ) -> Response:
    """What `operations` says to a request of `service`; one that it lacks is refused by name."""
    was_cbor = _from_cbor(service, environ)
    request = Request(environ)
    model = get_service_model(service)
    protocol = determine_request_protocol(model, request.content_type)
    try:
        operation, in_path = get_service_router(service).match(request)
    except NotFound:
        text = f"the stand-in knows no {service} request {request.method} {request.path}"
        return Response(json.dumps({"message": text}), 501, content_type="application/json")
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": in_path,
        }
    )
    result: Any
    try:
        if operation.name not in operations:
            raise AwsError("NotImplemented", f"the stand-in has no {service}:{operation.name}")
        result = operations[operation.name](dict(parsed)) or {}
    except AwsError as error:
        result = error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto's, of errors that no model names
        made = get_serializer_class(service, protocol)(operation).serialize(result)
    headers = {**made["headers"], "x-amzn-RequestId": token(20)}
    response = Response(made["body"], made["status_code"], headers)
    return _to_cbor(response, operation) if was_cbor else response


def json_instead_of_cbor(service: str, environ: Environ, app: Any) -> Response:
    """The answer of a WSGI app that reads JSON only to a request in CBOR."""
    operation = get_service_model(service).operation_model(environ["PATH_INFO"].split("/")[-1])
    _from_cbor(service, environ)
    return _to_cbor(Response.from_app(app, environ), operation)


def is_cbor(environ: Environ) -> bool:
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def _from_cbor(service: str, environ: Environ) -> bool:
    """Make a request in CBOR one in JSON; whether it was one."""
    if not is_cbor(environ):
        return False
    metadata = get_service_model(service).metadata
    value = cbor.decode(Request(environ).get_data())
    body = json.dumps(value).encode()
    operation = environ["PATH_INFO"].rsplit("/", 1)[-1]
    environ["HTTP_X_AMZ_TARGET"] = f"{metadata['targetPrefix']}.{operation}"
    environ["CONTENT_TYPE"] = f"application/x-amz-json-{metadata['jsonVersion']}"
    environ |= {"PATH_INFO": "/", "RAW_URI": "/", "REQUEST_URI": "/"}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    environ.pop("HTTP_SMITHY_PROTOCOL")
    environ.pop("werkzeug.request", None)
    return True


def _to_cbor(response: Response, operation: Any) -> Response:
    value = json.loads(response.get_data(as_text=True) or "{}")
    shape = operation.output_shape if response.status_code < 300 else None
    headers = {
        name: text
        for name, text in response.headers
        if name.lower() not in ("content-type", "content-length")
    } | {"Content-Type": cbor.MEDIA_TYPE, "smithy-protocol": "rpc-v2-cbor"}
    return Response(cbor.encode(value, shape), response.status_code, headers)
