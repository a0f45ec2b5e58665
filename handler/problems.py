"""The errors that are answered, as RFC 9457 problems: those of clients, and those of our storage.

Problem
├── BadRequest            400  malformed request or parameter
├── Unauthorized          401  no key, though one is required
├── Forbidden             403  unknown key; bucket that may not be read
├── NotFound              404  no such route, upload, object or prediction
│   └── NotConfigured          a feature that this deployment has not set up
├── MethodNotAllowed      405  the route exists, not with this method
├── NotAcceptable         406  no answer of a media type the client accepts
├── BodyTooLarge          413  more bytes than MAX_BODY_BYTES or MAX_UPLOAD_BYTES
├── TooManyPictures       413  more than MAX_PICTURES, or too many for the time or the answer
├── UnsupportedImage      415  not a picture, or not of a supported format
├── Unprocessable         422  tiles that would take too long
│   ├── Undecodable            truncated or damaged picture
│   └── TooManyPixels          larger than MAX_IMAGE_PIXELS
└── StorageFault          500  no request reaches storage: no credentials, a folder not writable
    ├── StorageUnavailable 503  storage fails just now; another try may succeed
    └── StorageRefused     502  S3 refuses, and will again: a permission, a KMS key, a bucket

A bug or a broken model raises another exception, which Lambda's Errors metric counts.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

MEDIA_TYPE = "application/problem+json"
QUOTED_CHARACTERS = 80
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def well_formed(text: str) -> str:
    """Text that UTF-8 can carry: half a surrogate pair, which JSON can write, becomes U+FFFD."""
    return _HALF_PAIR.sub("\ufffd", text)


def quote(text: object) -> str:
    """A client's text for a detail, in quotes and no longer than a line."""
    shown = str(text)
    return repr(shown[:QUOTED_CHARACTERS]) + ("…" if len(shown) > QUOTED_CHARACTERS else "")


def forget_frames(error: BaseException) -> None:
    """Take the tracebacks from an exception and from all that led to it.

    An exception that a local of its own frames keeps is a cycle, as botocore and the parser of
    forms make them. It keeps what the frames hold, the invocation's context and pictures, until the
    next garbage collection.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            pending += [each.__context__, each.__cause__]


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A request that cannot be answered, and why.

    detail: what was expected and what was received, for the client's developer. extensions: further
    members of the problem's JSON.
    """

    status: ClassVar[int]
    title: ClassVar[str]
    kind: ClassVar[str]  # last part of the problem's type URI

    def __init__(self, detail: str, extensions: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.detail = well_formed(detail)
        self.extensions = dict(extensions or {})

    @property
    def headers(self) -> dict[str, str]:
        """Headers that HTTP requires of the answer."""
        return {"Allow": ", ".join(self.extensions["allow"])} if "allow" in self.extensions else {}

    @property
    def type(self) -> str:
        return f"urn:icebox:problem:{self.kind}"

    def without_frames(self) -> Self:
        """This problem, for keeping: without the frames that it came through."""
        forget_frames(self)
        return self

    def body(self, request_id: str) -> dict[str, Any]:
        """The problem's JSON by RFC 9457; `instance` names the request."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:icebox:request:{request_id}",
            **self.extensions,
        }


class BadRequest(Problem):
    status, title, kind = 400, "Bad request", "bad-request"


class Unauthorized(Problem):
    status, title, kind = 401, "A key is needed", "unauthorized"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="icebox"'}


class Forbidden(Problem):
    status, title, kind = 403, "Not allowed", "forbidden"


class NotFound(Problem):
    status, title, kind = 404, "Not found", "not-found"


class NotConfigured(NotFound):
    title, kind = "Not set up here", "not-configured"


class MethodNotAllowed(Problem):
    status, title, kind = 405, "Method not allowed", "method-not-allowed"


class NotAcceptable(Problem):
    status, title, kind = 406, "Not acceptable", "not-acceptable"


class BodyTooLarge(Problem):
    status, title, kind = 413, "Body too large", "body-too-large"


class TooManyPictures(Problem):
    status, title, kind = 413, "Too many pictures", "too-many-pictures"


class UnsupportedImage(Problem):
    status, title, kind = 415, "Not a supported picture", "unsupported-image"


class Unprocessable(Problem):
    status, title, kind = 422, "Picture cannot be processed", "unprocessable"


class Undecodable(Unprocessable):
    title, kind = "Picture cannot be decoded", "undecodable"


class TooManyPixels(Unprocessable):
    title, kind = "Picture has too many pixels", "too-many-pixels"


class StorageFault(Problem):
    """Ours, not the client's. What AWS said is logged, not told: it names buckets and roles."""

    status, title, kind = 500, "Storage is not reachable", "storage-fault"


class StorageUnavailable(StorageFault):
    status, title, kind = 503, "Storage is unavailable", "storage-unavailable"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class StorageRefused(StorageFault):
    status, title, kind = 502, "Storage refuses", "storage-refused"
