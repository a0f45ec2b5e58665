"""Content negotiation: the media type of a response, by the request's Accept header (RFC 9110)."""

from __future__ import annotations

from collections.abc import Sequence

from handler.http.request import Request
from handler.problems import NotAcceptable

MEDIA_TYPES = ("application/json", "image/jpeg", "image/png")  # the first is preferred


def choose_media_type(accept: str, offers: Sequence[str] = MEDIA_TYPES) -> str:
    """The media type to answer with. Raises NotAcceptable."""
    ranked = []
    for order, offer in enumerate(offers):
        weights = [
            (_specificity(offer, media_range), weight)
            for media_range, weight in _media_ranges(accept)
            if _specificity(offer, media_range)
        ]
        # An offer's weight is that of its most specific range; of equal ones the more specific
        # wins, then the order of the offers.
        specificity, weight = max(weights, default=(0, 0.0))
        if weight > 0:
            ranked.append((-weight, -specificity, order, offer))
    if not ranked:
        raise NotAcceptable(f"Accept is {accept!r}; the answer can be {', '.join(offers)}")
    return min(ranked)[-1]


def accepts_json(request: Request) -> bool:
    """Whether JSON is acceptable, even where another media type is preferred."""
    try:
        return choose_media_type(request.headers.get("accept", ""), MEDIA_TYPES[:1]) != ""
    except NotAcceptable:
        return False


def _media_ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges and weights. An empty header accepts all; an unreadable weight is 1."""
    ranges = []
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        ranges.append((name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0))
    return [(name, weight) for name, weight in ranges if name] or [("*/*", 1.0)]


def _specificity(offer: str, media_range: str) -> int:
    """3 where a range names the offer, 2 its type, 1 all media types, 0 another."""
    return {offer: 3, offer.split("/")[0] + "/*": 2, "*/*": 1}.get(media_range, 0)
