"""Lambda SnapStart: what is done before the snapshot of an environment, and after each restore.

Every environment of such a version begins as a copy of one that has gone through INIT. So what the
first requests would import is imported before the snapshot, where nobody waits for it, and the
shared generator of random numbers, by which botocore and our retries spread their pauses, begins
anew in each copy. Ids come from the kernel, which Lambda seeds anew by itself.

The hooks are those of AWS's runtime client, which has their library with it.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import traceback

from PIL import Image

from handler.http.route_table import RouteTable

# What INIT leaves to the first request of each kind, or to the first record.
LATE_MODULES = (
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "concurrent.futures.thread",  # of tiles
    "handler.detection.annotate",
    "handler.images.bmp",
    "handler.images.heif",
    "handler.images.png",
    "handler.images.tiff.decode",
    "handler.images.webp",
    "handler.records.record",
    "multipart",
)


def register_hooks(routes: RouteTable) -> None:
    """Have Lambda's runtime client prepare this environment for its copies. Call it during INIT.

    routes: all of them, of which the late ones are made before the snapshot.
    """
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(import_late, routes)
    register_after_restore(random.seed)


def import_late(routes: RouteTable) -> None:
    """Import what the first requests would; a failure costs them time, and is logged."""
    try:
        for name in LATE_MODULES:
            importlib.import_module(name)
        Image.preinit()  # the formats that Pillow looks for when it saves a picture
        tuple(routes.values())  # makes the late ones
        _import_boto3()
    except Exception:
        line = {"level": "ERROR", "message": f"before the snapshot: {traceback.format_exc()}"}
        sys.stdout.write(json.dumps(line) + "\n")


def _import_boto3() -> None:
    """By a client that is thrown away: it has no credentials and no connection to outlive a
    snapshot."""
    import boto3

    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none")
    session.client("s3", region_name="us-east-1")
