"""Content negotiation: the media type of a response, by the request's Accept header (RFC 9110)."""

from __future__ import annotations

from collections.abc import Sequence

from handler.http.request import Request
from handler.problems import NotAcceptable, quote

MEDIA_TYPES = ("application/json", "image/jpeg", "image/png")  # the first is preferred
WEB_PAGE_TYPES = ("text/html", "application/xhtml+xml")


def choose_media_type(accept: str, offers: Sequence[str] = MEDIA_TYPES) -> str:
    """The media type to answer with. Raises NotAcceptable.

    A client that takes the first offer as well gets another one only where it prefers that, by
    weight or by order, and names no web page: browsers and Java's HttpURLConnection list image
    types for the pictures of pages.
    """
    ranges = _media_ranges(accept)
    ranked = []
    for order, offer in enumerate(offers):
        # An offer's weight is that of its most specific range; of equal ones the more specific
        # wins, then the order of the offers.
        specificity, weight, position = _match(offer, ranges)
        if weight > 0:
            ranked.append((-weight, -specificity, order, position, offer))
    if not ranked:
        raise NotAcceptable(f"Accept is {quote(accept)}; the answer can be {', '.join(offers)}")
    weight, _, _, position, chosen = min(ranked)
    names_page = any(name in WEB_PAGE_TYPES and page_weight > 0 for name, page_weight in ranges)
    specificity, first_weight, first_position = _match(offers[0], ranges)
    if names_page and not (specificity and first_weight <= 0):
        return offers[0]
    if first_weight == -weight and first_position <= position:
        return offers[0]
    return chosen


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


def _match(offer: str, ranges: Sequence[tuple[str, float]]) -> tuple[int, float, int]:
    """How specific the most specific range of an offer is, its weight and its place; 0s if none."""
    matches = [
        (_specificity(offer, media_range), weight, position)
        for position, (media_range, weight) in enumerate(ranges)
        if _specificity(offer, media_range)
    ]
    return max(matches, key=lambda match: (match[0], match[1], -match[2]), default=(0, 0.0, 0))


def _specificity(offer: str, media_range: str) -> int:
    """3 where a range names the offer, 2 its type, 1 all media types, 0 another."""
    return {offer: 3, offer.split("/")[0] + "/*": 2, "*/*": 1}.get(media_range, 0)
