"""Decodes base64 however clients write it: data URIs, both alphabets, folded, changed by forms."""

from __future__ import annotations

from urllib.parse import unquote

from handler import base64_codec
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
        image_bytes = base64_codec.decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadRequest(f"{name} is not base64 ({error})") from None
    if not image_bytes:
        raise BadRequest(f"{name} is empty; expected a picture's bytes in base64")
    return image_bytes


def _without_spaces(text: str) -> str:
    """base64 without the line ends of mail and `base64`; a space that a form made of + is + again.

    A form turns every +, so where one is left, spaces only part the text. Of the two readings, one
    may have a length that base64 cannot have. Where both are possible, spaces part the text if they
    part it into lines of one length, as a shell joins them.
    """
    pieces = text.split()
    joined = "".join(pieces)
    with_plus = text.strip().translate(_LINE_ENDS).replace(" ", "+")
    if "+" in joined:
        return joined
    if _has_possible_length(joined) != _has_possible_length(with_plus):
        return joined if _has_possible_length(joined) else with_plus
    are_lines = (
        len({len(piece) for piece in pieces[:-1]}) == 1
        and len(pieces[-1]) <= len(pieces[0])
        and len(pieces[0]) % 4 == 0
    )
    return joined if are_lines else with_plus


def _has_possible_length(text: str) -> bool:
    """Padded base64 has whole quartets; no base64 has one sign beyond them."""
    return len(text) % 4 == 0 if text.endswith("=") else len(text) % 4 != 1
