"""How each framework's clients send a picture, and how its answers are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scripts.local.http_event import HttpRequest, to_http_api, to_response

BOUNDARY = "icebox-peers-d41d8cd98f00b204"


class RefusedError(Exception):
    """An answer that is not 200; the text has its status and its beginning."""


@dataclass(frozen=True, eq=False)
class Found:
    """What an answer says. boxes: float64 (n, 4), xyxy in px of the picture, best first."""

    count: int
    boxes: NDArray[np.float64]
    scores: tuple[float, ...]
    labels: tuple[str, ...]


class Dialect(Protocol):
    """One framework's way. A dialect knows no connection: the client opens and times it."""

    def ask(self, connection: HTTPConnection, picture: bytes) -> bytes:
        """Send a JPEG, and read the whole answer. Raises RefusedError, OSError and
        http.client.HTTPException."""

    def read(self, answer: bytes) -> Found:
        """What the answer says. Raises ValueError and LookupError for another answer."""


def call(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """One request on an open connection. Raises RefusedError for another status than 200."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RefusedError(f"status {response.status}: {answer[:300].decode(errors='replace')}")
    return answer


def multipart(field: str, picture: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of a form upload, and its headers."""
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="picture.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = b"".join((head.encode(), picture, f"\r\n--{BOUNDARY}--\r\n".encode()))
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def read_plain(answer: bytes) -> Found:
    """An answer of the peers' shared code: a box is a list."""
    return _read(json.loads(answer), lambda box: box)


def read_icebox(answer: bytes) -> Found:
    """An answer of Icebox's native API."""
    return _read(json.loads(answer), lambda box: [box[side] for side in SIDES])


SIDES = ("xmin", "ymin", "xmax", "ymax")


def _read(document: Any, corners: Callable[[Any], Sequence[float]]) -> Found:
    detections = document["detections"]
    boxes = [corners(detection["box"]) for detection in detections]
    return Found(
        int(document["count"]),
        np.array(boxes, np.float64).reshape(-1, 4),
        tuple(float(detection["score"]) for detection in detections),
        tuple(str(detection["label"]) for detection in detections),
    )


@dataclass(frozen=True)
class Raw:
    """The picture is the body, as with `curl --data-binary`."""

    path: str
    read: Callable[[bytes], Found] = read_plain

    def ask(self, connection: HTTPConnection, picture: bytes) -> bytes:
        return call(connection, "POST", self.path, picture, {"Content-Type": "image/jpeg"})


@dataclass(frozen=True)
class Form:
    """The picture is a file of a form, as browsers, httpx and requests send it."""

    path: str
    field: str
    read: Callable[[bytes], Found] = read_plain

    def ask(self, connection: HTTPConnection, picture: bytes) -> bytes:
        return call(connection, "POST", self.path, *multipart(self.field, picture))


@dataclass(frozen=True)
class Gradio:
    """Upload, call, wait for the event's result, and fetch the annotated picture: what Gradio's
    own clients do. is_annotated: whether the first output is a picture."""

    function: str
    is_annotated: bool

    def ask(self, connection: HTTPConnection, picture: bytes) -> bytes:
        body, headers = multipart("files", picture)
        [path] = json.loads(call(connection, "POST", "/gradio_api/upload", body, headers))
        data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
        url, headers = f"/gradio_api/call/{self.function}", {"Content-Type": "application/json"}
        made = json.loads(call(connection, "POST", url, json.dumps(data).encode(), headers))
        answer = call(connection, "GET", f"{url}/{made['event_id']}")
        outputs = self._outputs(answer)
        if self.is_annotated:
            call(connection, "GET", "/gradio_api/file=" + outputs[0]["path"])
        return answer

    def read(self, answer: bytes) -> Found:
        return _read(self._outputs(answer)[-1], lambda box: box)

    def _outputs(self, answer: bytes) -> list[Any]:
        """The outputs out of the event stream. Raises RefusedError for an error's."""
        events = answer.decode().split("\n\n")
        for event in events:
            name, _, data = event.partition("\n")
            if name == "event: complete":
                outputs: list[Any] = json.loads(data.removeprefix("data: "))
                return outputs
        raise RefusedError(f"no result among Gradio's events: {answer[-300:].decode()}")


@dataclass(frozen=True)
class Event:
    """An HTTP API's event, as API Gateway hands it to the function: the body in base64.

    The emulator takes it; `payload` makes it, and `read` reads what the function handed back.
    """

    path: str
    field: str | None = None  # of a form; None sends the picture as it is
    read_body: Callable[[bytes], Found] = read_plain

    def payload(self, picture: bytes) -> bytes:
        headers = {"Content-Type": "image/jpeg"}
        if self.field:
            picture, headers = multipart(self.field, picture)
        headers |= {"Content-Length": str(len(picture))}
        request = HttpRequest("POST", self.path, tuple(headers.items()), picture)
        return json.dumps(to_http_api(request)).encode()

    def read(self, answer: bytes) -> Found:
        """Raises RefusedError for another status than 200."""
        response = to_response(json.loads(answer))
        if response.status != 200:
            said = response.body[:300].decode(errors="replace")
            raise RefusedError(f"status {response.status}: {said}")
        return self.read_body(response.body)
