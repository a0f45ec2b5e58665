"""The life of a deployment, by the verbs that a person uses, against the stand-in for AWS.

One story in one test, since each deployment builds on the one before: first deployment, a new
model version, releases that fail and roll back, the way back by hand, a key that is removed,
teardown, deployment again. A client calls all the while. The stand-in is real where it matters:
SAM packages, pushes and deploys, containers run the images under Lambda's emulator, and the canary
function decides about releases.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.bundle.files import load_bundle
from handler.detection.detector import Detector, Thresholds
from handler.images.decode import decode
from tests.e2e.rehearsal.client import Client, sample
from tests.e2e.rehearsal.stage import Ran, Rehearsal, copy_checkout, rehearsal, replace
from tests.support.moto_s3 import keys

pytestmark = [pytest.mark.needs_engine, pytest.mark.needs_sam, pytest.mark.needs_registry]
STAGE, STACK = "prod", "icebox-prod"
SAM_STACK = "aws-sam-cli-managed-default"  # SAM's own, which teardown leaves
SPEED = "20"  # a minute of CodeDeploy's in three seconds
DEPLOY = ("scripts/deploy", STAGE, "--no-confirm-changeset")


def test_a_deployment_lives_fails_goes_back_and_ends(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    checkout = copy_checkout(tmp_path / "checkout")
    with rehearsal(checkout, tmp_path / "state", "--speed", SPEED) as aws:
        story = Story(aws, checkout)
        story.is_deployed()
        story.takes_a_new_model_by_a_canary()
        story.gives_a_crashing_image_no_request()
        story.refuses_a_damaged_bundle()
        story.finds_out_a_worse_model_by_its_records()
        story.goes_back_by_hand()
        story.shuts_a_removed_key_out()
        story.has_a_record_of_every_answer()
        story.is_torn_down_and_deployed_again()
    told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in story.times.items())
    record_property("figure", f"rehearsal: {told}")


class Story:
    """Its parts, in any order that begins with `is_deployed`. times: of the verbs, in seconds."""

    def __init__(self, aws: Rehearsal, checkout: Path) -> None:
        self.aws = aws
        self.checkout = checkout
        self.own = load_bundle(checkout / "handler" / "model").manifest  # of the first deployment
        self.times: dict[str, float] = {}

    def is_deployed(self) -> None:
        self.key = self._new_key()
        self._run("first deployment", *DEPLOY)
        outputs = self.aws.outputs(STACK)
        self.function, self.bucket = outputs["FunctionName"], outputs["PredictionBucketName"]
        port = int(self.aws.api.partition("//")[2].partition("/")[0].partition(":")[2])
        self.client = Client(port, f"/api/{STACK}", sample(self.checkout), self.key)
        assert self.client.call("").status == 401
        assert self.client.call("icebox_wrong").status == 403
        self.client.answers.clear()  # refused before there was anything to record
        first = self.client.call()
        assert first.status == 200 and first.count

    def takes_a_new_model_by_a_canary(self) -> None:
        """A tenth of the requests, then all; each record says which version answered."""
        self._set_model(version="9.0.1")
        with self.client:
            self._run("update by a canary", *DEPLOY)
        self._nobody_saw_an_error()
        live = self.aws.live_version(self.function)
        found = {(e["model"]["version"], e["function_version"]) for e in self._records()}
        assert found == {(self.own.version, "1"), ("9.0.1", live)}

    def gives_a_crashing_image_no_request(self) -> None:
        """The hook before the traffic finds an INIT that fails."""
        before = self.aws.live_version(self.function)
        code = self.checkout / "handler" / "app.py"
        kept = code.read_text()
        code.write_text(kept + '\nraise RuntimeError("crashes at INIT")\n')
        with self.client:
            ran = self._run("image that crashes", *DEPLOY, status=1)
        code.write_text(kept)
        assert "BeforeAllowTraffic" in ran.output
        self._nobody_saw_an_error()
        assert self.aws.live_version(self.function) == before

    def refuses_a_damaged_bundle(self) -> None:
        """Before anything is built."""
        onnx = self.checkout / "handler" / "model" / "model.onnx"
        whole = onnx.read_bytes()
        onnx.write_bytes(whole[:-1000])
        ran = self._run("damaged bundle", *DEPLOY, status=1)
        onnx.write_bytes(whole)
        assert "Traceback" not in ran.output and "Step 1/" not in ran.output

    def finds_out_a_worse_model_by_its_records(self) -> None:
        """It finds three tenths less, which the first test lets pass. It gets a tenth more of the
        requests each minute, so that few requests are enough."""
        before = self.aws.live_version(self.function)
        self._set_model(version="9.0.2", score=self._score_that_keeps(0.7))
        replace(
            self.checkout / "samconfig.toml",
            "Rollout=Canary10Percent5Minutes",
            "Rollout=Linear10PercentEvery1Minute",
        )
        with self.client:
            ran = self._run("worse model", *DEPLOY, status=1)
        assert len({each.count for each in self.client.answers}) == 2  # it had its share
        assert "AfterAllowTraffic" in ran.output or "alarm" in ran.output
        assert "behaves otherwise" in self.aws.printed()
        self._nobody_saw_an_error()
        assert self.aws.live_version(self.function) == before
        (stack,) = self.aws.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"

    def goes_back_by_hand(self) -> None:
        """To the release before, while the client calls."""
        with self.client:
            self._run("rollback", "scripts/rollback", STAGE)
        self._nobody_saw_an_error()
        with urllib.request.urlopen(f"{self.aws.api}/{STACK}/health") as response:
            assert json.loads(response.read())["model"]["version"] == self.own.version

    def shuts_a_removed_key_out(self) -> None:
        """The new key opens, the old one does not any more."""
        self._set_model(version=self.own.version, score=self.own.thresholds.score)
        old, self.key = self.key, self._new_key()
        digest = hashlib.sha256(old.encode()).hexdigest()
        ran = self.aws.run("scripts/keys", "remove", STAGE, digest[:8])
        assert ran.status == 0, ran.output
        self._run("key removed", *DEPLOY)
        assert self.client.call(self.key).status == 200
        assert self.client.call(old).status == 403
        self.client.answers.pop()
        self.client.key = self.key

    def has_a_record_of_every_answer(self) -> None:
        """And no other record, and none twice."""
        recorded = [each["prediction_id"] for each in self._records()]
        assert len(recorded) == len(set(recorded))
        assert set(recorded) == self.client.ids()

    def is_torn_down_and_deployed_again(self) -> None:
        """Teardown leaves the records, until it is told otherwise."""
        ran = self._run("teardown", "scripts/teardown", STAGE, "--yes")
        assert self.bucket in ran.output
        assert self._stacks() == {SAM_STACK}
        self.has_a_record_of_every_answer()
        self._run("deployment again", *DEPLOY)
        assert self.client.call().status == 200
        self._run("teardown with records", "scripts/teardown", STAGE, "--yes", "--and-records")
        assert self._stacks() == {SAM_STACK}
        buckets = [each["Name"] for each in self.aws.client("s3").list_buckets()["Buckets"]]
        assert [name for name in buckets if name.startswith(STACK)] == []
        assert self.aws.client("logs").describe_log_groups()["logGroups"] == []

    def _run(self, what: str, *command: str, status: int = 0) -> Ran:
        ran = self.aws.run(*command)
        self.times[what] = ran.seconds
        assert ran.status == status, f"{what}: status {ran.status}\n{_readable(ran.output)}"
        return ran

    def _nobody_saw_an_error(self) -> None:
        assert self.client.statuses().keys() == {200}, self.client.statuses()

    def _new_key(self) -> str:
        made = self.aws.run("scripts/keys", "new", STAGE)
        found = re.search(r"^key +(\S+)$", made.output, re.M)
        assert found, made.output
        return found[1]

    def _set_model(self, *, version: str, score: float | None = None) -> None:
        path = self.checkout / "handler" / "model" / "model.json"
        manifest = json.loads(path.read_text())
        manifest["version"] = version
        if score is not None:
            manifest["thresholds"]["score"] = score
        path.write_text(json.dumps(manifest, indent=2))

    def _score_that_keeps(self, share: float) -> float:
        """The threshold at which the model finds so much of what it finds on the sample."""
        bundle, own = load_bundle(self.checkout / "handler" / "model"), self.own.thresholds
        made = Detector.load(bundle, threads=1).detect(
            decode(sample(self.checkout), max_pixels=10**7),
            Thresholds(own.score, own.iou, own.max_detections),
        )
        scores = made.detections.scores  # best first
        return float(scores[round(share * len(scores))])

    def _records(self) -> list[dict[str, Any]]:
        s3 = self.aws.client("s3")
        found = []
        for key in keys(s3, self.bucket):
            if key.startswith("predictions/"):
                body = s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
                found += [json.loads(line) for line in gzip.decompress(body).splitlines() if line]
        return found

    def _stacks(self) -> set[str]:
        found = self.aws.client("cloudformation").describe_stacks()["Stacks"]
        return {each["StackName"] for each in found}


def _readable(output: str) -> str:
    """Without the bars of what is pushed and built."""
    lines = [line for line in output.splitlines() if not re.search(r"\x1b|^ --->|^Step ", line)]
    return "\n".join(lines[-80:])
