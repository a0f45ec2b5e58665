"""Make the outputs that README.md and docs/api.md show anew: scripts/run readme"""

from __future__ import annotations

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


def blocks() -> dict[str, str]:
    """What stands between `<!-- NAME -->` and `<!-- /NAME -->`, by name."""
    return {"demo": _demo(), "answer": _answer(), "curl": _curl(), "figures": _figures()}


def _demo() -> str:
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        os.environ["PREDICTION_LOG"] = Path(folder).resolve().as_uri()
        demo.main(["--out", folder])
        (ROOT / "docs").mkdir(exist_ok=True)
        shutil.copyfile(Path(folder) / "annotated.jpg", ROOT / "docs" / "annotated.jpg")
    text = printed.getvalue().replace(folder, "out").replace(f"{ROOT}/", "")
    return f"```text\n{text.rstrip()}\n```"


def _answer() -> str:
    """The answer to a call without parameters, shortened to its count and its best detection."""
    answer = _detect("/v1/detect")
    short = {name: answer[name] for name in ("count", "count_interval")}
    best = json.dumps(answer["detections"][0]).replace(' "box"', '\n   "box"')
    return f'```text\n{json.dumps(short)[:-1]},\n "detections": [\n  {best}, …], …}}\n```'


def _curl() -> str:
    text = json.dumps(_detect("/v1/detect?max_detections=2"), indent=2)
    # boxes on one line each, as one reads them
    text = re.sub(r"\{\s+(\"xmin\"[^}]+?)\s+\}", lambda m: "{" + " ".join(m[1].split()) + "}", text)
    return f"```json\n{text}\n```"


def _detect(path: str) -> dict[str, Any]:
    request = HttpRequest("POST", path, body=SAMPLE.read_bytes())
    answer: dict[str, Any] = json.loads(
        to_response(invoke.load_function()(to_http_api(request))).body
    )
    return answer


def _figures() -> str:
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


def write(text: str, parts: dict[str, str]) -> str:
    """`text` with each block replaced."""
    for name, part in parts.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if text.count(opening) != 1 or text.count(closing) != 1:
            raise ValueError(f"the page must have one block {opening.strip()} … {closing}")
        before, _, rest = text.partition(opening)
        after = rest.partition(closing)[2]
        text = f"{before}{opening}{part}\n{closing}{after}"
    return text


if __name__ == "__main__":
    contents = blocks()
    for page, names in PAGES.items():
        path = ROOT / page
        path.write_text(write(path.read_text(), {name: contents[name] for name in names}))
