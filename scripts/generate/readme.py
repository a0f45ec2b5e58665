"""Update the outputs that README.md and docs/api.md show, and the picture of the demo.

    scripts/run readme

Each output is a block of the page between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from handler.bundle.files import load_bundle
from scripts.local import demo, invoke
from scripts.local.http_event import HttpRequest, to_http_api, to_response
from scripts.paths import ROOT, SAMPLE

PAGES = {"README.md": ("demo", "answer", "figures"), "docs/api.md": ("curl",)}


def make_blocks() -> dict[str, str]:
    """Markdown by block name. Runs the function, and writes docs/annotated.jpg."""
    return {
        "demo": _run_demo(),
        "answer": _format_short_answer(),
        "curl": _format_answer(),
        "figures": _format_evaluation(),
    }


def _run_demo() -> str:
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.environ["PREDICTION_LOG"] = Path(folder).resolve().as_uri()
        demo.main(["--out", folder])
        (ROOT / "docs").mkdir(exist_ok=True)
        shutil.copyfile(Path(folder) / "annotated.jpg", ROOT / "docs" / "annotated.jpg")
    text = printed.getvalue().replace(folder, "out").replace(f"{ROOT}/", "")
    return f"```text\n{text.rstrip()}\n```"


def _format_short_answer() -> str:
    """The answer to a call without parameters: its count and its best detection."""
    answer = _detect("/v1/detect")
    short = {name: answer[name] for name in ("count", "count_interval")}
    best = json.dumps(answer["detections"][0]).replace(' "box"', '\n   "box"')
    return f'```text\n{json.dumps(short)[:-1]},\n "detections": [\n  {best}, …], …}}\n```'


def _format_answer() -> str:
    text = json.dumps(_detect("/v1/detect?max_detections=2"), indent=2)
    # each box on one line
    text = re.sub(r"\{\s+(\"xmin\"[^}]+?)\s+\}", lambda m: "{" + " ".join(m[1].split()) + "}", text)
    return f"```json\n{text}\n```"


def _detect(path: str) -> dict[str, Any]:
    request = HttpRequest("POST", path, body=SAMPLE.read_bytes())
    answer: dict[str, Any] = json.loads(
        to_response(invoke.load_function()(to_http_api(request))).body
    )
    return answer


def _format_evaluation() -> str:
    manifest = load_bundle(ROOT / "handler" / "model").manifest
    lines = [
        "| pictures of | n | AP50 | AP | precision | recall | count error |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in manifest.evaluation:
        lines.append(
            f"| {row.dataset} | {row.pictures} | {row.ap50:.3f} | {row.ap:.3f} "
            f"| {row.precision:.3f} | {row.recall:.3f} | {row.count_error:.1%} |"
        )
    commands = dict.fromkeys(row.command for row in manifest.evaluation)
    return "\n".join([*lines, "", "```sh", *commands, "```"])


def replace_blocks(page: str, blocks: dict[str, str]) -> str:
    """The page's text with each block replaced. Raises ValueError for a block that it lacks."""
    for name, block in blocks.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if page.count(opening) != 1 or page.count(closing) != 1:
            raise ValueError(f"the page must have one block {opening.strip()} … {closing}")
        before, _, rest = page.partition(opening)
        after = rest.partition(closing)[2]
        page = f"{before}{opening}{block}\n{closing}{after}"
    return page


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(
        prog="scripts/run readme",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(argv)
    blocks = make_blocks()
    for page, names in PAGES.items():
        path = ROOT / page
        updated = replace_blocks(path.read_text(), {name: blocks[name] for name in names})
        path.write_text(updated)


if __name__ == "__main__":
    main()
