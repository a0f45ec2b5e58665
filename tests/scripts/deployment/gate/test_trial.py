"""The function answers the sample events with a bundle, in a process of its own, or says what
broke."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from scripts.deployment.gate import trial
from scripts.deployment.gate.trial import find_fault, format_trial, try_bundle
from scripts.tool import ToolError
from tests.support.paths import ROOT


def test_the_sample_events_are_answered(live_bundle: Path) -> None:
    found = try_bundle(live_bundle)
    assert found.answered == len(list((ROOT / "events").glob("*.json"))) >= 20
    assert found.faults == () and found.init_s > 0.05 and 50 < found.peak_mb < trial.MEMORY_MB
    assert "sample events answered" in format_trial(found)


def test_an_answer_that_should_be_another_is_a_fault(live_bundle: Path, tmp_path: Path) -> None:
    """A picture under the name of a mistake, and a mistake under that of a picture."""
    events = tmp_path / "events"
    events.mkdir()
    shutil.copy(ROOT / "events" / "raw.json", events / "bad-raw.json")
    shutil.copy(ROOT / "events" / "bad-text.json", events / "text.json")
    with pytest.raises(ToolError, match=r"bad-raw\.json was answered 200.*text\.json .* 415"):
        try_bundle(live_bundle, events_dir=events)


def test_a_bundle_that_does_not_load_is_told(live_bundle: Path) -> None:
    (live_bundle / "model.onnx").write_bytes(b"broken")
    with pytest.raises(ToolError, match=r"does not start with it .*has sha256"):
        try_bundle(live_bundle)


@pytest.mark.parametrize(
    ("limit", "words"), [("MAX_INIT_S", "INIT takes"), ("MEMORY_MB", r"it needs \d+ MB")]
)
def test_beyond_lambdas_limits_it_is_refused(
    live_bundle: Path, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(trial, limit, 0 if limit == "MAX_INIT_S" else 1)
    events = live_bundle.parent / "events"
    events.mkdir()
    shutil.copy(ROOT / "events" / "health.json", events)
    with pytest.raises(ToolError, match=words):
        try_bundle(live_bundle, events_dir=events)


def test_numbers_that_json_does_not_know_are_a_fault() -> None:
    answer = {"statusCode": 200, "headers": {"content-type": "application/json"}}
    assert find_fault("raw.json", answer | {"body": json.dumps({"count": 3})}) is None
    fault = find_fault("raw.json", answer | {"body": '{"count": NaN}'})
    assert fault and "broken JSON (NaN" in fault
    assert find_fault("raw.json", None) == "raw.json was answered None, not 200 to 299"


def test_the_memory_is_the_templates() -> None:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's tags as None."""

    Loader.add_multi_constructor("!", lambda *_: None)
    template = yaml.load((ROOT / "template.yaml").read_text(), Loader)
    assert template["Resources"]["DetectFunction"]["Properties"]["MemorySize"] == trial.MEMORY_MB
