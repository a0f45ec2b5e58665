"""Lambda and CodeDeploy over HTTP on loopback, as far as a release's watch talks to them."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripts.local.invoke import Context
from tests.support.app import App

# An event and its client context → the result; raises FunctionError for what Lambda reports.
Version = Callable[[dict[str, Any], dict[str, Any]], Any]


@dataclass(frozen=True)
class FunctionError(Exception):
    """What Lambda says of a call that failed."""

    kind: str
    text: str
    log: str = ""


def app_spec(old: str, new: str, function: str = "detect", alias: str = "live") -> str:
    """What a deployment releases, as CodeDeploy keeps it."""
    properties = {"Name": function, "Alias": alias, "CurrentVersion": old, "TargetVersion": new}
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    return json.dumps({"version": 0.0, "Resources": [{function: resource}]})


@dataclass
class FakeAws:
    """alias: as GetAlias answers. versions: by number. hooks: what CodeDeploy was told, in order.
    published: of every version. throttled: calls that are still refused. calls: version and event
    of each. spec: of the deployment, None to deny it. creator: of the deployment."""

    url: str = ""
    alias: dict[str, Any] = field(default_factory=lambda: {"FunctionVersion": "7"})
    versions: dict[str, Version] = field(default_factory=dict)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    published: str = "2026-11-03T00:00:00.000+0000"
    throttled: int = 0
    calls: list[tuple[str, Any]] = field(default_factory=list)
    spec: str | None = app_spec("7", "8")
    creator: str = "CloudFormation"

    def shift(self, new: str, share: float = 0.1) -> None:
        self.alias["RoutingConfig"] = {"AdditionalVersionWeights": {new: share}}

    def finish(self, new: str) -> None:
        self.alias = {"FunctionVersion": new}


@contextmanager
def fake_aws() -> Iterator[FakeAws]:
    aws = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.endswith("/configuration"):
                self._answer(200, {"LastModified": aws.published})
            elif "/aliases/" in path:
                self._answer(200, {"Name": path.rpartition("/")[2], **aws.alias})
            else:
                self._answer(404, {"Message": "not found"}, "ResourceNotFoundException")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers.get("X-Amz-Target", "")
            if target.endswith("PutLifecycleEventHookExecutionStatus"):
                aws.hooks.append(json.loads(body))
                self._answer(200, {})
                return
            if target.endswith("GetDeployment"):
                if aws.spec is None:
                    self._answer(400, {"__type": "AccessDeniedException", "message": "not you"})
                    return
                said = {"revisionType": "AppSpecContent", "appSpecContent": {"content": aws.spec}}
                self._answer(200, {"deploymentInfo": {"creator": aws.creator, "revision": said}})
                return
            version = parse_qs(urlsplit(self.path).query)["Qualifier"][0]
            if aws.throttled:
                aws.throttled -= 1
                self._answer(429, {"Reason": "busy"}, "TooManyRequestsException")
                return
            event = json.loads(body)
            aws.calls.append((version, event))
            context = json.loads(base64.b64decode(self.headers["X-Amz-Client-Context"]))
            try:
                self._answer(200, aws.versions[version](event, context))
            except FunctionError as fault:
                log = base64.b64encode(fault.log.encode()).decode()
                self._answer(
                    200,
                    {"errorType": fault.kind, "errorMessage": fault.text},
                    headers={"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": log},
                )

        def _answer(
            self, status: int, body: Any, error: str = "", headers: dict[str, str] | None = None
        ) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if error:
                self.send_header("X-Amzn-ErrorType", error)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def init_fails(event: dict[str, Any], context: dict[str, Any]) -> Any:
    """A version whose settings are wrong: what Lambda says then."""
    raise FunctionError(
        "Runtime.ExitError",
        "RequestId: 1 Error: Runtime exited with error: exit status 1",
        "handler.settings.SettingsError: CAPTURE_RATE='a lot': expected a share from 0 to 1\n"
        "INIT_REPORT Phase: init Status: error Error Type: Runtime.ExitError",
    )


def times_out(event: dict[str, Any], context: dict[str, Any]) -> Any:
    raise FunctionError(
        "Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 20.00 seconds"
    )


def hangs(event: dict[str, Any], context: dict[str, Any]) -> Any:
    time.sleep(20)  # longer than the tests' client waits
    return {}


def version_of(app: App, change: Callable[[Any], Any] = lambda result: result) -> Version:
    """A version that answers as the function does, with a change of its results."""

    def version(event: dict[str, Any], client_context: dict[str, Any]) -> Any:
        context = Context()
        client = type("ClientContext", (), client_context)()
        object.__setattr__(context, "client_context", client)
        return change(app.module.lambda_handler(event, context))

    return version
