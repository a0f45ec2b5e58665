"""Makes request bodies of every dialect, whole and damaged: pictures, base64, JSON, forms."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

from scripts.bench.fuzz.inputs import trees
from scripts.bench.fuzz.inputs.pictures import damaged_picture
from scripts.bench.fuzz.inputs.seeds import seed_pictures

DETECT, FEEDBACK = "/v1/detect", "/v1/predictions/{prediction_id}/feedback"
GRADIO = "/gradio_api"
# Objects of stand_in_s3, whole and refused, and URIs that are none
S3_URIS = (
    "s3://fuzz-bucket/png-rgb", "s3://fuzz-bucket/jpeg", "s3://fuzz-bucket/none",
    "s3://fuzz-bucket/denied", "s3://fuzz-bucket/broken", "s3://other/key", "s3:",
    "s3://fuzz-bucket/../a", "s3://fuzz-bucket/\ud800", "s3://fuzz-bucket/" + "é" * 600,
)  # fmt: skip
MEDIA_TYPES = (
    "", "image/jpeg", "application/json", "application/json; charset=utf-16", "text/plain",
    "application/octet-stream", "multipart/form-data", "multipart/form-data; boundary=XX",
    'multipart/form-data; boundary="X X"', "application/x-www-form-urlencoded",
)  # fmt: skip


def picture(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return damaged_picture(rng)
    return rng.choice(list(seed_pictures().values()))


def encoded_picture(rng: random.Random) -> str:
    text = base64.b64encode(picture(rng)).decode()
    return rng.choice(
        (
            text, text, text, f"data:image/png;base64,{text}", f"DATA:;base64,{text}",
            text.replace("+", "-").replace("/", "_"), text.rstrip("="), text.replace("+", " "),
            "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76)), text[: len(text) // 2],
            f"data:image/png,{text}", f"{text}=", "", "ä" + text, f"\ufeff{text}", f"'{text}'",
        )
    )  # fmt: skip


def make_body(template: str, rng: random.Random) -> tuple[bytes, str]:
    """A body and its media type; mostly of the kind that the route reads."""
    choice = rng.random()
    make: Callable[[random.Random], Any] | None = _DOCUMENTS.get(template)
    if template == f"{GRADIO}/upload" or choice < 0.15:
        return form_body(rng)
    if make and choice < 0.8:
        return json_body(make(rng), rng)
    if choice < 0.85:
        return encoded_picture(rng).encode(
            errors="surrogatepass"
        ), "application/x-www-form-urlencoded"
    if choice < 0.9:
        return rng.choice((b"", b"x", b"{", b"[]", b"null", b"\xff" * 9, b"--XX--")), ""
    return picture(rng), "image/jpeg"


def json_body(document: Any, rng: random.Random) -> tuple[bytes, str]:
    if rng.random() < 0.5:
        document = trees.mutate(document, rng, rng.choice((1, 1, 2, 4)))
    body = json.dumps(document).encode()
    body = rng.choice(
        (
            body, body, body, body, body, body, b"\xef\xbb\xbf" + body, b" \n" + body, body + b"x",
            body[: len(body) // 2], body.decode().encode("utf-16"),
            body.replace(b"}", b', "": NaN}'), b"[" * 2000, body.replace(b'"', b"'"),
            body[:-1] + b"," + body[1:],
        )
    )  # fmt: skip
    return body, "application/json"


def form_body(rng: random.Random) -> tuple[bytes, str]:
    """A form of some parts, with the heads that clients write, and others."""
    boundary = rng.choice(("XX", "XX", "----WebKitFormBoundaryabc", "X'()+_,-./:=?X"))
    line = rng.choice((b"\r\n", b"\r\n", b"\r\n", b"\n"))
    body = b""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 17, 70))):
        head = rng.choice(
            (
                'form-data; name="file"; filename="a.jpg"', 'form-data; name="file"; filename=""',
                'form-data; name="score_threshold"', 'form-data; name="x"', 'form-data; name=""',
                "form-data; name=file; filename*=UTF-8''a%20b.jpg", "form-data", "",
                'form-data; name="\ud800"; filename="\\""', 'form-data; name="files"; filename="é"',
            )
        )  # fmt: skip
        content = rng.choice((picture(rng), picture(rng), b"0.5", b"", b"\xff\xfe", b"--XX"))
        media = rng.choice((b"", b"Content-Type: image/jpeg" + line, b"A: b" + line, b": c" + line))
        disposition = head.encode(errors="surrogatepass")
        body += b"--" + boundary.encode() + line + b"Content-Disposition: " + disposition + line
        body += media + line + content + line
    body += b"--" + boundary.encode() + rng.choice((b"--\r\n", b"--", b"", b"--\r\nepilogue"))
    if rng.random() < 0.1:
        at = rng.randrange(len(body) + 1)
        body = rng.choice((body[:at], body[at:], body[:at] + b"\0" + body[at:]))
    return body, rng.choice((f"multipart/form-data; boundary={boundary}",) * 5 + MEDIA_TYPES)


def _detect_document(rng: random.Random) -> Any:
    return rng.choice(
        (
            {"image": encoded_picture(rng)},
            {"images": [encoded_picture(rng) for _ in range(rng.choice((0, 1, 2, 5, 16, 17)))]},
            {"upload_id": rng.choice(("0" * 32, "x", "../a"))},
            {"s3_uri": rng.choice(S3_URIS)},
            {"image": encoded_picture(rng), "score_threshold": 0.5},
        )
    )


def _hf_document(rng: random.Random) -> Any:
    value = rng.choice((0.5, 0, 1, 2, None, "0.5", True, "\ud800"))
    return {"inputs": encoded_picture(rng), "parameters": {"threshold": value}}


def gradio_document(rng: random.Random) -> Any:
    image = rng.choice((encoded_picture(rng), "data:image/png;base64," + encoded_picture(rng)))
    return {
        "data": rng.choice(
            (
                [image], [image, True, True, 0.3], [image, True, True, 0], [image] * 9, [],
                [{"path": image}, None, None, None], [{"path": "$upload"}, False, True, 0.5],
                [{"url": image}],
            )
        ),
        "session_hash": rng.choice(("abc", "a" * 64, "../a", 7)),
        "fn_index": 0,
    }  # fmt: skip


def feedback_document(rng: random.Random) -> Any:
    box = {"xmin": 0, "ymin": 0, "xmax": rng.choice((9, 1e6, 1e300, -1)), "ymax": 9.5}
    label = rng.choice(("microalgae", "cell", "red", "green", "x"))
    return rng.choice(
        (
            {"count": rng.choice((0, 3, -1, 10**30, 2.0, True))},
            {"detections": [{"label": label, "box": box}], "comment": "words"},
            {"detections": [{"label": label, "box": box}] * 2001},
            {"count": 1, "detections": [], "comment": "c" * 1001},
        )
    )


def _upload_document(rng: random.Random) -> Any:
    return {
        "content_type": rng.choice(("image/jpeg", "image/png", "text/html", "image/jpeg\r\nx: y")),
        "bytes": rng.choice((1, 10**6, 10**9, 10**12, 0, -1, 1.5, "5")),
    }


_DOCUMENTS: dict[str, Callable[[random.Random], Any]] = {
    DETECT: _detect_document,
    "/v1/uploads": _upload_document,
    FEEDBACK: feedback_document,
    **dict.fromkeys(("/hf", "/models/{name}", "/models/{owner}/{name}"), _hf_document),
    **dict.fromkeys(
        (
            "/api/predict", "/+/api/predict", f"{GRADIO}/queue/join", f"{GRADIO}/run/predict",
            f"{GRADIO}/call/predict",
        ),
        gradio_document,
    ),
}  # fmt: skip
