"""The releases' records, in a bucket over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.deployment.aws.stack import Alias
from scripts.deployment.releases import (
    MODEL_FILES,
    PARAMETERS_FILE,
    TEMPLATE_FILE,
    Release,
    ReleaseError,
    ReleaseStore,
    list_releases,
    live_release,
    next_number,
    previous_good,
    read_file,
    read_release,
    supersede,
    version_name,
    write_release,
)
from scripts.deployment.table import format_releases
from tests.support.moto_s3 import keys, make_bucket
from tests.support.release_records import FILES, release


@pytest.fixture
def store(s3: Any) -> ReleaseStore:
    return ReleaseStore(make_bucket(s3, "releases-here"), s3)


def test_a_release_is_read_as_it_was_written(store: ReleaseStore, s3: Any) -> None:
    written = release(7, comparison={"ap50": [0.84, 0.86]}, allow_worse="a „reason“", restores=3)
    write_release(store, written, FILES)
    assert read_release(store, 7) == written
    assert keys(s3, store.bucket) == [
        f"releases/000007/{name}"
        for name in ("model.json", "model.onnx", "parameters.json", "release.json", "template.json")
    ]
    assert read_file(store, 7, TEMPLATE_FILE) == FILES[TEMPLATE_FILE]
    assert {TEMPLATE_FILE, PARAMETERS_FILE, *MODEL_FILES} == FILES.keys()


def test_releases_are_listed_newest_first_also_beyond_a_page(store: ReleaseStore) -> None:
    assert list_releases(store) == [] and next_number(store) == 1
    for number in (1, 2, 10, 1_000_000):
        write_release(store, release(number))
    store.put("releases/000011/template.json", b"{}")  # a deployment that was cut off early
    store.put("releases/readme/x", b"no release")
    assert [each.number for each in list_releases(store)] == [1_000_000, 10, 2, 1]
    assert next_number(store) == 1_000_001


def test_two_who_deploy_at_once_do_not_share_a_number(store: ReleaseStore) -> None:
    write_release(store, release(1), new=True)
    with pytest.raises(ReleaseError, match="somebody else deploys now"):
        write_release(store, release(1), new=True)
    write_release(store, release(1, status="failed"))
    assert read_release(store, 1).status == "failed"
    store.delete_release(1)
    assert list_releases(store) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "cannot be read"),
        (b"[]", "no JSON object"),
        (b'{"number": 1}', "it has no stage, time"),
        (release(1).to_json().replace('"released"', '"fine"').encode(), "its status is 'fine'"),
        (release(1).to_json().replace('"number": 1', '"number": "1"').encode(), "wrong type"),
    ],
)
def test_a_damaged_record_is_named(store: ReleaseStore, body: bytes, message: str) -> None:
    store.put("releases/000001/release.json", body)
    with pytest.raises(ReleaseError, match=message) as error:
        list_releases(store)
    assert "s3://releases-here/releases/000001/release.json" in str(error.value)


def test_a_missing_release_or_file_is_named(store: ReleaseStore) -> None:
    with pytest.raises(ReleaseError, match="no release 4 in s3://releases-here"):
        read_release(store, 4)
    write_release(store, release(4))
    with pytest.raises(ReleaseError, match=r"template\.json is missing"):
        read_file(store, 4, TEMPLATE_FILE)


def test_a_later_versions_fields_are_left_out() -> None:
    read = json.loads(release(1).to_json()) | {"later": 1}
    assert Release.from_json(json.dumps(read)) == release(1)


def test_live_is_what_the_alias_has() -> None:
    releases = [
        release(4, status="failed", function_version="3"),
        release(3, function_version="3", restores=1),
        release(2, status="rolled back", function_version="2"),
        release(1, status="superseded", function_version="1"),
    ]
    assert live_release(releases, "3") == releases[1]
    assert live_release(releases, "2") == releases[2]  # the alias alone was moved by hand
    assert live_release(releases, "9") is None


def test_one_goes_back_to_the_newest_that_did_well() -> None:
    first, bad, failed = (
        release(1, status="superseded"),
        release(3, status="rolled back"),
        release(4, status="failed"),
    )
    second = release(2, status="superseded")
    live = release(5)
    assert previous_good([live, failed, bad, second, first], live) == second
    # Going back once more goes back further, and not to where one came from.
    back_to_second = release(6, restores=2)
    assert previous_good([back_to_second, live, second, first], back_to_second) == first
    assert previous_good([first], first) is None
    # One that went back is as good as any, and has the keys of its day.
    restored = release(4, status="superseded", restores=1)
    assert previous_good([live, restored, bad, second, first], live) == restored


def test_one_release_is_released(store: ReleaseStore) -> None:
    for each in (release(1), release(2, status="failed"), release(3), release(4)):
        write_release(store, each)
    supersede(store, list_releases(store), 4)
    assert [each.status for each in list_releases(store)] == [
        "released", "superseded", "failed", "superseded",
    ]  # fmt: skip


def test_a_version_is_named_by_all_that_makes_it() -> None:
    parameters = {"ApiKeySha256": "ab", "Release": "", "EnableRollout": "true", "A": "1"}
    name = version_name(b"{}", parameters)
    assert len(name) == 10 and name.isalnum()  # what the template takes
    assert version_name(b"{}", parameters | {"ApiKeySha256": ""}) != name
    assert version_name(b"{ }", parameters) != name
    same = {"A": "1", "Release": name, "EnableRollout": "false", "ApiKeySha256": "ab"}
    assert version_name(b"{}", same | {"ExpectedChange": "why", "Rollout": "AllAtOnce"}) == name


def test_the_table_tells_what_is_live_and_why() -> None:
    releases = [
        release(12, restores=10, note="back from 11: errors", time="2026-11-30T08:15:00Z"),
        release(
            11, status="rolled back", function_version="11", commit="0123456789abcdef-dirty",
            expected_change="wider lens", allow_worse="fewer false cells", note="errors",
        ),
        release(9, status="failed", function_version="", figures={}, note="AccessDenied"),
    ]  # fmt: skip
    table = format_releases(releases, Alias("12", {}), "12")
    assert table.splitlines() == [
        "live is release 12: microalgae 1.0.12, since 2026-11-30 08:15 UTC, version 12",
        "",
        "   release  when (UTC)        model              AP50   count error  commit     version  "
        "status",
        "*  12       2026-11-30 08:15  microalgae 1.0.12  0.845  5.8%         abcdef12   12       "
        "released",
        "   release 10 again",
        "   back from 11: errors",
        "   11       2026-11-29 12:00  microalgae 1.0.11  0.845  5.8%         01234567+  11       "
        "rolled back",
        "   allowed to be worse: fewer false cells",
        "   expected change: wider lens",
        "   errors",
        "   9        2026-11-29 12:00  microalgae 1.0.9   -      -            abcdef12   -        "
        "failed",
        "   AccessDenied",
    ]
    shared = format_releases(releases, Alias("12", {"13": 0.1}), "12")
    assert "version 13 gets 10% of the calls" in shared.splitlines()[0]
    moved = format_releases(releases, Alias("11", {}), "12").splitlines()[0]
    assert "live is release 11" in moved and "scripts/rollback settles it" in moved
    assert format_releases([], Alias("5", {}), "5") == "live is version 5, of no recorded release"
    assert format_releases([], None, None) == "nothing is live"
