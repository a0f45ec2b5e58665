"""Remove all that is kept of one prediction: its record, picture and feedback, in every version.

    scripts/forget 1f0c…-… prod                     the bucket of the stack icebox-prod
    scripts/forget 1f0c…-… --source s3://BUCKET     another bucket, or a folder

Every object is looked at, since an id does not say when it was made: a request for each thousand
versions, and one for each batch and Parquet file. It may be run again, and says then that nothing
is there. docs/privacy.md tells what it cannot reach.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime, timedelta

from scripts.deployment.aws.account import aws_errors_explained, select
from scripts.deployment.aws.stack import read_stack
from scripts.deployment.parameters import STAGES, deploy_region, read_samconfig, stack_name
from scripts.records.erase import Erased, erase
from scripts.records.versions import open_versions
from scripts.tool import ToolError, exit_on_error

# Lambda's request id, and the number of one of several pictures
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(-[1-9][0-9]{0,3})?")
# Until a compaction that had read the record has ended (Lambda's limit), and Firehose has delivered
# what it buffers (RecordStream's IntervalInSeconds); a batch waits for a minute at most.
UNDER_WAY = timedelta(minutes=20)


def find_bucket(stage: str) -> str:
    """The URL of the bucket of a stage's stack. Raises ToolError."""
    samconfig = read_samconfig()
    name = stack_name(samconfig, stage)
    select(region=deploy_region(samconfig, stage))
    with aws_errors_explained():
        stack = read_stack(name)
    if stack is None or stack.bucket is None:
        what = f"there is no stack {name} here" if stack is None else f"{name} is {stack.status}"
        raise ToolError(
            f"{what}, so its bucket is not known; set AWS_REGION to its region, or name the bucket "
            "by --source s3://BUCKET"
        )
    return f"s3://{stack.bucket}"


def forget(prediction_id: str, url: str, now: datetime) -> str:
    """Remove a prediction from a bucket or folder. Returns the report. Raises ToolError, also where
    there is nothing of it."""
    if not _ID.fullmatch(prediction_id):
        raise ToolError(
            f"{prediction_id[:80]!r} is no prediction_id; expected one such as "
            "b7c6e7c0-5f0e-4c5e-8a63-0d7f6f3c2a11, with -1, -2, … behind it for one of several "
            "pictures of a request"
        )
    erased = erase(open_versions(url), prediction_id, _tell_progress)
    if not any(erased.versions.values()):
        raise ToolError(
            f"{url} has nothing of {prediction_id}. It may be forgotten already, have expired, lie "
            "in another stage's bucket, or still be on its way (Firehose delivers after up to 15 "
            "minutes)"
        )
    return format_erased(prediction_id, url, erased, now)


def format_erased(prediction_id: str, url: str, erased: Erased, now: datetime) -> str:
    """What was removed, and what is left to do."""
    lines = [f"{prediction_id} is removed from {url}:"]
    for what, count in sorted(erased.versions.items()):
        if count:
            lines.append(f"  {count} version{'s' if count > 1 else ''} of: {what}")
    if erased.rewritten:
        lines.append(f"  written again without it: {', '.join(erased.rewritten)}")
    lines += [
        "left, and what becomes of it:",
        "  marks under forgotten/, by the digest of the id: what comes back later is dropped",
        "  lines in CloudWatch Logs, which cannot be removed one by one; they hold no picture and "
        "expire after LogRetentionDays",
        "  results of Athena's queries, which expire within 7 days; files that you exported",
        f"again    scripts/forget {prediction_id} … after {now + UNDER_WAY:%H:%M} UTC, for copies "
        "that were on their way",
    ]
    return "\n".join(lines)


def _tell_progress(seen: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{seen:,} versions", end="", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/forget",
        description="Remove all that is kept of one prediction, in every version.",
    )
    parser.add_argument("prediction_id", help="of an answer, a record or the log")
    parser.add_argument("stage", nargs="?", choices=STAGES, help="whose bucket")
    parser.add_argument("--source", help="a bucket (s3://BUCKET[/PREFIX]) or a folder instead")
    options = parser.parse_args(argv)
    with exit_on_error("scripts/forget"):
        if bool(options.stage) == bool(options.source):
            raise ToolError("name where: either dev or prod, or --source s3://BUCKET")
        url = options.source or find_bucket(options.stage)
        print(forget(options.prediction_id, url, datetime.now(UTC)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
