"""Who sends a request: by an API key, by API Gateway's authorizer, or anyone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from handler.http.request import Request
from handler.problems import Forbidden, Unauthorized

ANYONE = "anyone"
INVOKER = "invoker"  # of a direct invoke, whom IAM lets in
# In this order; gradio_client renames the Authorization header that it is given to the second.
_BEARER_HEADERS = ("authorization", "x-hf-authorization")


def make_authorizer(key_sha256: Sequence[bytes]) -> Callable[[Request], str]:
    """A function from a request to its caller: the first 16 hex digits of the SHA-256 of its key or
    of its principal, or ANYONE where neither is asked for.

    key_sha256: digests of the keys that are accepted; none: every request is. The function raises
    Unauthorized where there is no key, Forbidden where it is not known.
    """

    def authorize(request: Request) -> str:
        if not key_sha256:
            return _digest(request.principal).hex()[:16] if request.principal else ANYONE
        keys = _keys_of(request)
        if not keys:
            raise Unauthorized(
                "this API asks for a key: send it as `Authorization: Bearer KEY` "
                "or `x-api-key: KEY`"
            )
        for key in keys:
            digest = _digest(key)
            # Every digest is compared, in constant time: the time does not tell which one is near.
            matches = [hmac.compare_digest(digest, each) for each in key_sha256]
            if any(matches):
                return digest.hex()[:16]
        raise Forbidden("this key is not known here; ask whoever runs this API for one")

    return authorize


def _keys_of(request: Request) -> list[str]:
    """What may be a key, at most one from each place; a Bearer token may be meant for others."""
    pairs = [request.headers.get(name, "").partition(" ") for name in _BEARER_HEADERS]
    tokens = [token for scheme, _, token in pairs if scheme.lower() == "bearer"]
    # Clients that can change nothing but their URL (Roboflow's, an app in a store) send it there.
    candidates = [*tokens, request.headers.get("x-api-key", ""), request.api_key]
    return [key.strip() for key in candidates if key.strip()]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
