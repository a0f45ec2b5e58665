"""Decodes base64 however clients write it: data URIs, both alphabets, folded, changed by forms."""

from __future__ import annotations

import base64
from urllib.parse import unquote

from handler.problems import BadRequest

_LINE_ENDS = dict.fromkeys(map(ord, "\r\n\t"))


def decode_base64(text: str, name: str = "image") -> bytes:
    """Bytes from base64 or a data URI; name: what the client calls it. Raises BadRequest."""
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise BadRequest(
                f"expected a data URI like data:image/jpeg;base64,…, not {head[:60]!r}…"
            )
    try:
        if "%" in text:  # a data URI may be percent-encoded
            text = unquote(text)
        if any(space in text for space in " \r\n\t"):
            text = _without_spaces(text)
        if "-" in text or "_" in text:  # RFC 4648's alphabet for URLs
            text = text.replace("-", "+").replace("_", "/")
        image_bytes = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise BadRequest(f"{name} is not base64 ({error})") from None
    if not image_bytes:
        raise BadRequest(f"{name} is empty; expected a picture's bytes in base64")
    return image_bytes


def _without_spaces(text: str) -> str:
    """base64 without the line ends of mail and `base64`; a space that a form made of + is + again.

    Folded lines that a shell joined by spaces are of one length, but for the last, and without the
    spaces the text is of a whole number of quartets. Where it is otherwise, the spaces were +.
    """
    pieces = text.split()
    joined = "".join(pieces)
    with_plus = text.strip().translate(_LINE_ENDS)
    if " " not in with_plus:
        return joined
    is_regular = (
        len({len(piece) for piece in pieces[:-1]}) == 1
        and len(pieces[-1]) <= len(pieces[0])
        and len(pieces[0]) % 4 == 0
    )
    with_plus = with_plus.replace(" ", "+")
    has_quartets_by_plus_only = len(with_plus) % 4 == 0 and len(joined) % 4 != 0
    return joined if is_regular and not has_quartets_by_plus_only else with_plus
