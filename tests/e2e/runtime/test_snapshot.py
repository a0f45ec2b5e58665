"""SnapStart by Lambda's own rules: a restored environment answers, and loses no record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.local.http_event import HttpRequest, to_http_api
from tests.support.emulator import emulator
from tests.support.faulty_s3 import FaultyS3, faulty_s3
from tests.support.lab import Lab, Restore, lab
from tests.support.pictures import RED, jpeg

DETECT = to_http_api(HttpRequest("POST", "/v1/detect", [("content-type", "image/jpeg")], jpeg(RED)))


def restored(folder: Path, bundle: Path, s3: FaultyS3, restore: Restore) -> Any:
    env = {
        "MODEL_DIR": str(bundle),
        "PREDICTION_LOG": "s3://log",
        "AWS_ENDPOINT_URL_S3": s3.url,
        "ORT_THREADS": "1",
    }
    return lab(folder, env, restores=restore)


def detect(running: Lab) -> str:
    answer = running.invoke(DETECT)
    assert answer.result["statusCode"] == 200
    return str(json.loads(answer.result["body"])["prediction_id"])


@pytest.mark.parametrize(
    "restore",
    [
        Restore(),
        Restore(cuts=True),
        Restore(clock_ahead_s=-86400.0),  # the snapshot's time
        Restore(clock_ahead_s=86400.0),
    ],
    ids=["", "a lost connection", "an old clock", "a clock ahead"],
)
def test_a_restored_environment_answers_and_stores_its_records(
    tmp_path: Path, tiny_bundle: Path, restore: Restore
) -> None:
    with (
        faulty_s3(lambda: "none") as s3,
        restored(tmp_path, tiny_bundle, s3, restore) as running,
    ):
        ids = [detect(running) for _ in range(3)]
        running.finish()
        printed = [line["prediction_record"] for line in running.lines("prediction_record")]
        kept = [*s3.ids(), *(record["prediction_id"] for record in printed)]
        assert set(kept) == set(ids)  # a wrong clock leaves a second for the first record
        assert running.environments == 1
        assert "Traceback" not in running.log
        cold_starts = [line for line in running.lines("_aws") if line.get("ColdStart")]
        assert len(cold_starts) == 1


def test_the_response_leaves_before_the_record_is_stored(tmp_path: Path, tiny_bundle: Path) -> None:
    with (
        faulty_s3(lambda: "slow") as s3,
        restored(tmp_path, tiny_bundle, s3, Restore(cuts=True)) as running,
    ):
        answer = running.invoke(DETECT, wait=False)
        assert answer.result["statusCode"] == 200
        assert s3.ids() == []
        running.finish()
        assert len(s3.ids()) == 1


def test_a_lost_connection_that_lambda_believes_in_costs_no_record_and_no_environment(
    tmp_path: Path, tiny_bundle: Path
) -> None:
    """AWS's emulator refuses a second question while it believes that the first one waits."""
    with (
        faulty_s3(lambda: "none") as s3,
        restored(tmp_path, tiny_bundle, s3, Restore(cuts=True, is_noticed=False)) as running,
    ):
        ids = [detect(running) for _ in range(3)]
        running.finish()
        assert s3.ids() == ids
        assert running.environments == 1


@pytest.mark.needs_emulator
def test_awss_own_emulator_takes_the_later_question_for_the_end_of_the_invocation(
    tmp_path: Path,
) -> None:
    """It refuses a second one while it believes that the first one waits."""
    with emulator(tmp_path, {}, "tests.support.cut_extension.lambda_handler") as running:
        for name in "123":
            assert running.invoke({"name": name}) == (200, {"answer": name})
        assert [line["done"] for line in running.lines("done")] == ["1", "2", "3"]
        assert "State transition is not allowed" in running.log
