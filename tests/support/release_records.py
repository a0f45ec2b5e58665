"""Records of releases, as scripts/deploy leaves them."""

from __future__ import annotations

import json
from typing import Any

from scripts.deployment.releases import MODEL_FILES, PARAMETERS_FILE, TEMPLATE_FILE, Release

FILES = {
    TEMPLATE_FILE: json.dumps({"Resources": {}}).encode(),
    PARAMETERS_FILE: b'{"Stage": "dev"}',
    **{name: name.encode() for name in MODEL_FILES},
}


def release(number: int, **fields: Any) -> Release:
    """A release whose version of the function has its own number."""
    given: dict[str, Any] = {
        "number": number,
        "stage": "dev",
        "time": "2026-11-29T12:00:00Z",
        "commit": "abcdef1234567890",
        "image_uri": f"1.dkr.ecr.eu-central-1.amazonaws.com/images:detect-{number}",
        "image_digest": f"sha256:{number:064x}",
        "function_version": str(number),
        "model_name": "microalgae",
        "model_version": f"1.0.{number}",
        "model_sha256": f"{number:064x}",
        "figures": {"labeled": {"pictures": 6, "ap50": 0.8447, "count_error": 0.0579}},
        "comparison": None,
        "allow_worse": None,
        "expected_change": None,
        "status": "released",
        "note": "",
    }
    return Release(**given | fields)
