"""Write the OpenAPI document, and the page of it, that the function serves.

    scripts/run openapi

writes handler/web/openapi.json and handler/web/docs.html. They hold nothing about the model (its
name, classes and thresholds are in GET /v1/model), so they are the same for every bundle.
"""

from __future__ import annotations

import argparse

from scripts.generate.openapi.document import make_files
from scripts.paths import ROOT


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(
        prog="scripts/run openapi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(argv)
    for path, text in make_files().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}  {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
