"""A request and the hashes of the keys that open the API in; who is calling out, or a Problem."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from handler.gateway import Request
from handler.problems import Forbidden, Unauthorized

ANYONE = "anonymous"


def make_authorize(key_hashes: Sequence[bytes]) -> Callable[[Request], str]:
    """A function from a request to its caller, by SHA-256 digests of the keys that are let in.

    The caller is the first 16 hex digits of the key's hash: the same key is the same caller in
    every execution environment, and nobody learns the key from it. Raises Unauthorized for no key,
    Forbidden for one that is not known.
    """

    def authorize(request: Request) -> str:
        key = _key_of(request)
        if not key:
            raise Unauthorized(
                "this API asks for a key: send it as `Authorization: Bearer KEY` "
                "or `x-api-key: KEY`"
            )
        digest = hashlib.sha256(key.encode(errors="surrogatepass")).digest()
        # All are compared, in constant time each: the time tells nothing of which one came near.
        known = [hmac.compare_digest(digest, each) for each in key_hashes]
        if not any(known):
            raise Forbidden("this key is not known here; `scripts/keys new` makes one")
        return digest.hex()[:16]

    return authorize


def _key_of(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    # Clients that can change nothing but their URL (Roboflow's, an app in a store) send it there.
    return request.headers.get("x-api-key", "").strip() or request.api_key
