"""One HTTP server for all of AWS that the stand-in plays, on loopback.

A request names its service in the scope of its signature (SigV4). What moto does faithfully (S3,
STS, IAM, CloudWatch Logs, CloudWatch, SNS, EventBridge) it answers in this process; what it would
only pretend (CloudFormation, Lambda, CodeDeploy, ECR, HTTP APIs) is answered here.
Signatures are not checked.
"""

from __future__ import annotations

import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from scripts.rehearsal import wire
from scripts.rehearsal.wire import Environ, Operations

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
SCOPE_IN_QUERY = re.compile(r"X-Amz-Credential=[^&]*%2F\d{8}%2F([^&]+?)%2F([^&]+?)%2Faws4_request")
BY_MOTO = frozenset(
    {"s3", "sts", "iam", "logs", "monitoring", "sns", "events", "kms", "tagging", "sqs"}
)
NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}  # signing name: botocore's
API_PREFIX = "/api/"


class Server:
    """Answers for `services`, by their botocore names; `api` answers requests below /api/."""

    def __init__(
        self,
        port: int,
        services: Mapping[str, Operations],
        api: Callable[[Environ], Response],
    ) -> None:
        self._services = services
        self._api = api
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, self, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            body: Iterable[bytes] = self._answer(environ)(environ, start_response)
            return body
        except Exception:  # a fault of the stand-in: say so, and serve on
            traceback.print_exc(file=sys.stderr)
            return Response("the stand-in failed; its log says why", 500)(environ, start_response)

    def _answer(self, environ: Environ) -> Any:
        if environ["PATH_INFO"].startswith(API_PREFIX):
            return self._api(environ)
        service = signed_for(environ)
        name = NAMES.get(service, service)
        if name in self._services:
            return wire.answer(name, self._services[name], environ)
        if service in BY_MOTO or not service:  # a public object, a signed URL: S3
            if wire.is_cbor(environ):
                return wire.json_instead_of_cbor(name, environ, self._moto)
            return self._moto
        return Response(f"the stand-in does not know the service {name}", 501)


def signed_for(environ: Environ) -> str:
    """The service that a request is signed for, "" for one that is not signed."""
    found = SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or SCOPE_IN_QUERY.search(
        environ.get("QUERY_STRING", "")
    )
    return found[2] if found else ""


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a deployment polls."""
