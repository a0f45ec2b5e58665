"""A request and the hashes of the keys that open the API in; who is calling out, or a Problem."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from handler.http.gateway import Request
from handler.problems import Forbidden, Unauthorized

ANYONE = "anyone"
# In this order; gradio_client renames the Authorization header that it is given to the second.
_BEARERS = ("authorization", "x-hf-authorization")


def authorizer(key_sha256: Sequence[bytes]) -> Callable[[Request], str]:
    """A function from a request to its caller: the first 16 hex digits of the SHA-256 of its key,
    or of whom the API's own authorizer let in, or ANYONE where no key is asked for.

    key_sha256: digests of the keys that are let in; none: everybody is. The function raises
    Unauthorized for no key, Forbidden for one that is not known.
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
            # All are compared, in constant time each: the time tells nothing of which came near.
            matches = [hmac.compare_digest(digest, each) for each in key_sha256]
            if any(matches):
                return digest.hex()[:16]
        raise Forbidden("this key is not known here; ask whoever runs this API for one")

    return authorize


def _keys_of(request: Request) -> list[str]:
    """What may be a key, at most one a place; a Bearer token may be meant for somebody else."""
    pairs = [request.headers.get(name, "").partition(" ") for name in _BEARERS]
    bearers = [token for scheme, _, token in pairs if scheme.lower() == "bearer"]
    # Clients that can change nothing but their URL (Roboflow's, an app in a store) send it there.
    found = [*bearers, request.headers.get("x-api-key", ""), request.api_key]
    return [key.strip() for key in found if key.strip()]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
