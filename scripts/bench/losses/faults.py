"""Count lost prediction records while writes fail, processes are killed and the clock jumps.

    scripts/run faults --calls 10000 --delivery s3|batch|batch-unjournaled|firehose

Runs handler.app under AWS's runtime client in the lab of tests/support, which keeps Lambda's rules,
against an S3 or a Firehose that fails, refuses, cuts, hangs, is slow or loses its answer. Every
answered prediction must be stored or in the log; slow writes may be both. The exit status is 1
where a record is lost, unless SIGKILL came while it was being written, which no program can help,
or it waited without a journal for others in an environment that ended without a signal.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.local.http_event import HttpRequest, to_http_api
from scripts.tool import exit_on_error
from tests.support import faulty_firehose, faulty_s3
from tests.support.faulty_firehose import FaultyFirehose
from tests.support.faulty_s3 import FaultyS3, RandomFaults
from tests.support.lab import Answer, Lab, lab
from tests.support.pictures import RED, jpeg
from tests.support.tiny_bundle import make_tiny_bundle

JUMP_SHARE, LIST_SHARE, BAD_SHARE = 0.02, 0.1, 0.1
KILL_WITHIN_S = 0.05  # of the response: a write in good health ends within it
LIST_LENGTH = 4
BATCH, BATCH_SECONDS = 20, 60
DELIVERIES = {
    "s3": "s3://log",
    "batch": f"s3://log?batch={BATCH}&seconds={BATCH_SECONDS}",
    "batch-unjournaled": f"s3://log?batch={BATCH}&seconds={BATCH_SECONDS}&journal=no",
    "firehose": "firehose://log",
}


@dataclass(frozen=True)
class FaultsOptions:
    """calls: invocations. delivery: of DELIVERIES. failing: share of the writes that fail. hangs:
    of those that would hang, how many do, for each costs seconds. timeout_s: of the function.
    shut_down, sigkill: shares of the invocations that are interrupted so, just after the response.
    ends: of those after which the idle environment ends without a signal, as Lambda ends it where
    no external extension is registered."""

    calls: int = 10_000
    delivery: str = "s3"
    failing: float = 0.3
    hangs: float = 0.1
    timeout_s: float = 10.0
    seed: int = 1
    shut_down: float = 0.02
    sigkill: float = 0.01
    ends: float = 0.02


@dataclass
class FaultsResult:
    """Records by what became of them; `lost` without the other two.

    printed: as a line of the log, or packed in its journal. lost_to_sigkill: which SIGKILL
    interrupted while they were being written. lost_waiting: which waited for others, without a
    journal, in an environment that ended without a signal or by SIGKILL.
    """

    calls: int
    stored: int = 0
    printed: int = 0
    both: int = 0
    lost: list[str] = field(default_factory=list)
    lost_to_sigkill: list[str] = field(default_factory=list)
    lost_waiting: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)


@dataclass
class _Expected:
    """What an answered invocation must leave.

    environment: which one answered. is_killed: whether SIGKILL interrupted it.
    """

    environment: int
    is_killed: bool


def measure_faults(options: FaultsOptions, folder: Path) -> FaultsResult:
    """Call the function and count its records. Writes a bundle and the lab's log into `folder`."""
    chance = random.Random(options.seed)
    events = _events()
    expected: dict[str, _Expected] = {}
    unsignalled: set[int] = set()  # environments that ended without SIGTERM
    result = FaultsResult(options.calls)
    with _service(options) as (service, env):
        env |= {
            "MODEL_DIR": str(make_tiny_bundle(folder / "bundle")),
            "PREDICTION_LOG": DELIVERIES[options.delivery],
            "ORT_THREADS": "1",
        }
        with lab(folder, env, timeout_s=options.timeout_s) as running:
            for _ in range(options.calls):
                event = events[_choose_event(chance)]
                answer, ended = _call(running, event, chance, options, result.happened)
                left = _Expected(running.environments, ended == "SIGKILL")
                expected |= dict.fromkeys(_prediction_ids(answer), left)
                if ended:
                    unsignalled.add(running.environments)
            running.finish()
            running.shut_down()
            result.happened["environments"] = running.environments
            may_wait = unsignalled if options.delivery == "batch-unjournaled" else set()
            _tell_apart(expected, may_wait, service, running, result)
    result.happened.update({f"write {fault}": count for fault, count in service.puts.items()})
    return result


def format_result(result: FaultsResult) -> str:
    lost = len(result.lost) + len(result.lost_to_sigkill) + len(result.lost_waiting)
    rows = {
        "calls": result.calls,
        "records": result.stored + result.printed + result.both + lost,
        "stored": result.stored,
        "in the log": result.printed,
        "stored and in the log": result.both,
        "lost": len(result.lost),
        "lost to SIGKILL": len(result.lost_to_sigkill),
        "lost while waiting": len(result.lost_waiting),
        **dict(sorted(result.happened.items())),
    }
    return "\n".join(f"{name:<24}{count:>8,}" for name, count in rows.items())


@contextmanager
def _service(options: FaultsOptions) -> Iterator[tuple[FaultyS3 | FaultyFirehose, dict[str, str]]]:
    """Where records go, and the variables that lead there."""
    if options.delivery == "firehose":
        faults = faulty_firehose.FAULTS
        choose: Any = RandomFaults(options.failing, options.seed, faults, options.hangs)
        with faulty_firehose.faulty_firehose(choose) as firehose:
            yield firehose, {"AWS_ENDPOINT_URL_FIREHOSE": firehose.url}
    else:
        choose = RandomFaults(options.failing, options.seed, hang_share=options.hangs)
        with faulty_s3.faulty_s3(choose) as s3:
            yield s3, {"AWS_ENDPOINT_URL_S3": s3.url}


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
) -> tuple[Answer, str]:
    """One invocation and what befalls it: its answer, and how the environment ended without
    SIGTERM, "" where it did not."""
    if chance.random() < JUMP_SHARE:
        happened["clock jumps"] += 1
        jumps = (0.0, options.timeout_s, 86_400.0, -86_400.0, chance.uniform(-60, 60))
        running.jump_clock(chance.choice(jumps))
    dice = chance.random()
    if dice >= options.shut_down + options.sigkill:
        answer = running.invoke(event)
        timed_out = "timed out" in str(answer.error)
        happened["timeouts"] += timed_out
        if dice < options.shut_down + options.sigkill + options.ends and not timed_out:
            happened["ends at rest"] += 1
            running.kill()
            return answer, "at rest"
        return answer, "timeout" if timed_out else ""
    answer = running.invoke(event, wait=False)
    time.sleep(chance.uniform(0, KILL_WITHIN_S))
    if dice < options.shut_down:
        happened["SIGTERM"] += 1
        running.shut_down()
        return answer, ""
    happened["SIGKILL"] += 1
    running.kill()
    return answer, "SIGKILL"


def _prediction_ids(answer: Answer) -> list[str]:
    """Of the records that an answered invocation must leave."""
    if not answer.result:
        return []
    body = json.loads(answer.result["body"])
    if isinstance(body, list):
        return [each["prediction_id"] for each in body]
    return [answer.request_id]


def _tell_apart(
    expected: dict[str, _Expected],
    may_wait: set[int],
    service: FaultyS3 | FaultyFirehose,
    running: Lab,
    result: FaultsResult,
) -> None:
    """may_wait: environments that took with them what waited."""
    stored, printed = set(service.ids()), _ids_in_the_log(running)
    waiting = _still_waiting(expected, stored | printed)
    for prediction_id, left in expected.items():
        if prediction_id in stored and prediction_id in printed:
            result.both += 1
        elif prediction_id in stored:
            result.stored += 1
        elif prediction_id in printed:
            result.printed += 1
        elif left.is_killed:
            result.lost_to_sigkill.append(prediction_id)
        elif left.environment in may_wait and prediction_id in waiting:
            result.lost_waiting.append(prediction_id)
        else:
            result.lost.append(prediction_id)


def _still_waiting(expected: dict[str, _Expected], kept: set[str]) -> set[str]:
    """Records that may have waited when their environment ended: the last ones of each that are
    not kept, fewer than a batch."""
    waiting: set[str] = set()
    ended: set[int] = set()
    count: Counter[int] = Counter()
    for prediction_id, left in reversed(expected.items()):
        if prediction_id in kept:
            ended.add(left.environment)
        elif left.environment not in ended and not left.is_killed:
            count[left.environment] += 1
            if count[left.environment] < BATCH:
                waiting.add(prediction_id)
    return waiting


def _ids_in_the_log(running: Lab) -> set[str]:
    printed = [line["prediction_record"] for line in running.lines("prediction_record")]
    packed = [line["prediction_record_gzip"] for line in running.lines("prediction_record_gzip")]
    printed += [json.loads(gzip.decompress(base64.b64decode(text))) for text in packed]
    return {record["prediction_id"] for record in printed}


def main(argv: Sequence[str] | None = None) -> None:
    defaults = FaultsOptions()
    parser = argparse.ArgumentParser(
        prog="scripts/run faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--calls", type=int, default=defaults.calls, help="invocations (%(default)s)")
    add("--delivery", choices=DELIVERIES, default=defaults.delivery,
        help="how records are delivered (%(default)s)")  # fmt: skip
    add("--failing", type=float, default=defaults.failing,
        help="share of the writes that fail (%(default)s)")  # fmt: skip
    add("--hangs", type=float, default=defaults.hangs,
        help="of the writes that would hang, the share that does (%(default)s)")  # fmt: skip
    add("--timeout", dest="timeout_s", type=float, default=defaults.timeout_s,
        help="the function's timeout, s (%(default)g)")  # fmt: skip
    add("--shut-down", type=float, default=defaults.shut_down,
        help="share of the invocations that SIGTERM interrupts (%(default)s)")  # fmt: skip
    add("--sigkill", type=float, default=defaults.sigkill,
        help="share of the invocations that SIGKILL interrupts (%(default)s)")  # fmt: skip
    add("--ends", type=float, default=defaults.ends,
        help="share of the invocations after which the environment ends, idle and without a "
        "signal (%(default)s)")  # fmt: skip
    add("--seed", type=int, default=defaults.seed, help="of all chances (%(default)s)")
    options = FaultsOptions(**vars(parser.parse_args(argv)))
    with exit_on_error("faults"), tempfile.TemporaryDirectory() as folder:
        result = measure_faults(options, Path(folder))
    print(format_result(result))
    if result.lost:
        sys.exit(f"faults: {len(result.lost)} records are lost, as {result.lost[:5]}")


if __name__ == "__main__":
    main()
