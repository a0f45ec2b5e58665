"""The OpenAPI document, and the page of it, as the function serves them.

    python -m scripts.generate.openapi

writes handler/web/openapi.json and handler/web/docs.html. What depends on the model stays out (its
name, classes, thresholds: GET /v1/model tells), so that the document is the same for every bundle.
"""

from __future__ import annotations

import argparse

from scripts.generate.openapi.document import files
from scripts.paths import ROOT

argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
).parse_args()
for path, content in files().items():
    path.write_text(content, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}  {len(content.encode()):,} bytes")
