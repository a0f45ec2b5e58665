"""Synthetic traffic of the default model in a bucket, with a reference that it is like."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.monitor.synthesize.shifts import parse_shift
from scripts.monitor.synthesize.traffic import Plan, load_model
from scripts.monitor.synthesize.write import write_traffic
from scripts.records.partitions import Stream
from scripts.records.reference import write_reference
from tests.support.paths import ROOT


def put_traffic(
    s3: Any, bucket: str, end: datetime, *, days: int = 2, records: int = 400, shift: str = ""
) -> Stream:
    """Records of the days before `end`, and references/; the model version. shift: such as
    blur:strong@day1."""
    manifest, reference = load_model(ROOT / "handler" / "model")
    stream = Stream(manifest.name, manifest.version)
    plan = Plan(
        manifest,
        reference,
        end - timedelta(days=days),
        end,
        records,
        shifts=(parse_shift(shift),) if shift else (),
    )
    for _ in write_traffic(plan, f"s3://{bucket}"):
        pass
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.parquet"
        write_reference(reference, path)
        s3.put_object(
            Bucket=bucket,
            Key=f"references/{stream.folder}/reference.parquet",
            Body=path.read_bytes(),
        )
    return stream
