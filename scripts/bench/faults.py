"""Count lost prediction records while writes fail, processes are killed and the clock jumps.

    scripts/run faults --calls 10000

Runs handler.app under AWS's runtime client in the lab of tests/support, which keeps Lambda's rules,
against an S3 that fails, refuses, cuts, hangs, is slow or loses its answer. Every answered
prediction must be stored or printed; slow writes may be both. The exit status is 1 where a record
is lost, unless SIGKILL came while it was being written: no program can help that.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.local.http_event import HttpRequest, to_http_api
from scripts.tool import exit_on_error
from tests.support.faulty_s3 import FaultyS3, RandomFaults, faulty_s3
from tests.support.lab import Answer, Lab, lab
from tests.support.pictures import RED, jpeg
from tests.support.tiny_bundle import make_tiny_bundle

JUMP_SHARE, LIST_SHARE, BAD_SHARE = 0.02, 0.1, 0.1
KILL_WITHIN_S = 0.05  # of the response: a write in good health ends within it
LIST_LENGTH = 4


@dataclass(frozen=True)
class FaultsOptions:
    """calls: invocations. failing: share of the writes that fail. hangs: of those that would hang,
    how many do, for each costs seconds. timeout_s: of the function. shut_down, sigkill: shares of
    the invocations that are interrupted so, just after the response."""

    calls: int = 10_000
    failing: float = 0.3
    hangs: float = 0.1
    timeout_s: float = 10.0
    seed: int = 1
    shut_down: float = 0.02
    sigkill: float = 0.01


@dataclass
class FaultsResult:
    """Records by what became of them; `lost` without those that SIGKILL interrupted."""

    calls: int
    stored: int = 0
    printed: int = 0
    both: int = 0
    lost: list[str] = field(default_factory=list)
    lost_to_sigkill: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)


def measure_faults(options: FaultsOptions, folder: Path) -> FaultsResult:
    """Call the function and count its records. Writes a bundle and the lab's log into `folder`."""
    chance = random.Random(options.seed)
    faults = RandomFaults(options.failing, options.seed, hang_share=options.hangs)
    events = _events()
    expected: dict[str, bool] = {}  # prediction id: whether SIGKILL came
    result = FaultsResult(options.calls)
    with faulty_s3(faults) as s3:
        env = {
            "MODEL_DIR": str(make_tiny_bundle(folder / "bundle")),
            "PREDICTION_LOG": "s3://log",
            "AWS_ENDPOINT_URL_S3": s3.url,
            "ORT_THREADS": "1",
        }
        with lab(folder, env, timeout_s=options.timeout_s) as running:
            for _ in range(options.calls):
                event = events[_choose_event(chance)]
                answer, was_killed = _call(running, event, chance, options, result.happened)
                expected |= dict.fromkeys(_prediction_ids(answer), was_killed)
            running.finish()
            running.shut_down()
            result.happened["environments"] = running.environments
            _tell_apart(expected, s3, running, result)
    result.happened.update({f"PUT {fault}": count for fault, count in s3.puts.items()})
    return result


def format_result(result: FaultsResult) -> str:
    records = result.stored + result.printed + result.both + len(result.lost)
    rows = {
        "calls": result.calls,
        "records": records + len(result.lost_to_sigkill),
        "stored": result.stored,
        "printed": result.printed,
        "stored and printed": result.both,
        "lost": len(result.lost),
        "lost to SIGKILL": len(result.lost_to_sigkill),
        **dict(sorted(result.happened.items())),
    }
    return "\n".join(f"{name:<20}{count:>8,}" for name, count in rows.items())


def _events() -> dict[str, Any]:
    picture = jpeg(RED)
    text = base64.b64encode(picture).decode()

    def event(content_type: str, body: bytes) -> Any:
        request = HttpRequest("POST", "/v1/detect", [("content-type", content_type)], body)
        return to_http_api(request)

    several = {"images": [text] * (LIST_LENGTH - 1) + ["no base64"]}
    return {
        "picture": event("image/jpeg", picture),
        "list": event("application/json", json.dumps(several).encode()),
        "bad": event("multipart/form-data; boundary=B", b"x"),
    }


def _choose_event(chance: random.Random) -> str:
    dice = chance.random()
    if dice < LIST_SHARE:
        return "list"
    return "bad" if dice < LIST_SHARE + BAD_SHARE else "picture"


def _call(
    running: Lab, event: Any, chance: random.Random, options: FaultsOptions, happened: Counter[str]
) -> tuple[Answer, bool]:
    """One invocation and what befalls it: its answer, and whether SIGKILL interrupted it."""
    if chance.random() < JUMP_SHARE:
        happened["clock jumps"] += 1
        jumps = (0.0, options.timeout_s, 86_400.0, -86_400.0, chance.uniform(-60, 60))
        running.jump_clock(chance.choice(jumps))
    dice = chance.random()
    if dice >= options.shut_down + options.sigkill:
        answer = running.invoke(event)
        happened["timeouts"] += "timed out" in str(answer.error)
        return answer, False
    answer = running.invoke(event, wait=False)
    time.sleep(chance.uniform(0, KILL_WITHIN_S))
    if dice < options.shut_down:
        happened["SIGTERM"] += 1
        running.shut_down()
        return answer, False
    happened["SIGKILL"] += 1
    running.kill()
    return answer, True


def _prediction_ids(answer: Answer) -> list[str]:
    """Of the records that an answered invocation must leave."""
    if not answer.result:
        return []
    body = json.loads(answer.result["body"])
    if isinstance(body, list):
        return [each["prediction_id"] for each in body]
    return [answer.request_id]


def _tell_apart(
    expected: dict[str, bool], s3: FaultyS3, running: Lab, result: FaultsResult
) -> None:
    stored = set(s3.ids())
    lines = running.lines("prediction_record")
    printed = {line["prediction_record"]["prediction_id"] for line in lines}
    for prediction_id, was_killed in expected.items():
        if prediction_id in stored and prediction_id in printed:
            result.both += 1
        elif prediction_id in stored:
            result.stored += 1
        elif prediction_id in printed:
            result.printed += 1
        elif was_killed:
            result.lost_to_sigkill.append(prediction_id)
        else:
            result.lost.append(prediction_id)


def main(argv: Sequence[str] | None = None) -> None:
    defaults = FaultsOptions()
    parser = argparse.ArgumentParser(
        prog="scripts/run faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--calls", type=int, default=defaults.calls, help="invocations (%(default)s)")
    add("--failing", type=float, default=defaults.failing,
        help="share of the writes that fail (%(default)s)")  # fmt: skip
    add("--hangs", type=float, default=defaults.hangs,
        help="of the writes that would hang, the share that does (%(default)s)")  # fmt: skip
    add("--timeout", type=float, default=defaults.timeout_s,
        help="the function's timeout, s (%(default)g)")  # fmt: skip
    add("--shut-down", type=float, default=defaults.shut_down,
        help="share of the invocations that SIGTERM interrupts (%(default)s)")  # fmt: skip
    add("--sigkill", type=float, default=defaults.sigkill,
        help="share of the invocations that SIGKILL interrupts (%(default)s)")  # fmt: skip
    add("--seed", type=int, default=defaults.seed, help="of all chances (%(default)s)")
    arguments = parser.parse_args(argv)
    options = FaultsOptions(
        calls=arguments.calls,
        failing=arguments.failing,
        hangs=arguments.hangs,
        timeout_s=arguments.timeout,
        seed=arguments.seed,
        shut_down=arguments.shut_down,
        sigkill=arguments.sigkill,
    )
    with exit_on_error("faults"), tempfile.TemporaryDirectory() as folder:
        result = measure_faults(options, Path(folder))
    print(format_result(result))
    if result.lost:
        sys.exit(f"faults: {len(result.lost)} records are lost, as {result.lost[:5]}")


if __name__ == "__main__":
    main()
