"""scripts/release, from the bundle to the deployment's door: what passes, what is refused, what is
kept, and what lies in handler/model whatever happens.

The deployment itself is a stand-in that does to the records what scripts/deploy does; they lie in
S3 over HTTP, as does all that the live model is read from.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from handler.bundle.files import load_bundle
from handler.bundle.reader import BundleError
from scripts.deployment.gate.compare import model_id
from scripts.deployment.gate.live import StageReleases, read_stage
from scripts.deployment.gate.place import Placement
from scripts.deployment.gate.versions import KnownModel
from scripts.deployment.release import ReleaseOptions, main, run_release
from scripts.deployment.releases import Release, ReleaseStore, list_releases, write_release
from scripts.tool import ToolError
from tests.support.gate_bundles import (
    make_bundle,
    read_json,
    write_json,
    write_labelled_cells,
)
from tests.support.moto_s3 import make_bucket


class Stage:
    """A stage's records in S3, its alias, and a deployment that changes both."""

    def __init__(self, store: ReleaseStore, placement: Placement) -> None:
        self.store, self.placement = store, placement
        self.alias = ""
        self.calls: list[dict[str, Any]] = []
        self.fails: Callable[[], None] | None = None
        self.fails_at_last: Callable[[], None] | None = None

    def read(self, stage: str) -> StageReleases:
        releases = list_releases(self.store)
        live = next((each for each in releases if each.function_version == self.alias), None)
        known = (KnownModel(_id(each), f"release {each.number}") for each in releases)
        return StageReleases(self.store, live, tuple(known))

    def deploy(self, stage: str, **arguments: Any) -> Release:
        self.calls.append(arguments)
        if self.fails:
            self.fails()
        release = self.release(self.placement.model_dir, stage, **arguments)
        if self.fails_at_last:
            self.fails_at_last()
        return release

    def release(self, bundle: Path, stage: str = "dev", **arguments: Any) -> Release:
        """Record a bundle as released, and live."""
        manifest = load_bundle(bundle).manifest
        number = len(self.store.numbers()) + 1
        release = Release(
            number=number,
            stage=stage,
            time="2026-11-29T18:00:00Z",
            commit="0" * 40,
            image_uri="",
            image_digest="",
            function_version=str(number),
            model_name=manifest.name,
            model_version=manifest.version,
            model_sha256=manifest.sha256,
            figures={},
            comparison=arguments.get("comparison"),
            allow_worse=arguments.get("allow_worse"),
            expected_change=arguments.get("expected_change"),
            status="released",
            note="",
        )
        files = {name: (bundle / name).read_bytes() for name in ("model.json", "model.onnx")}
        write_release(self.store, release, files)
        self.alias = str(number)
        return release


def _id(release: Release) -> Any:
    from scripts.deployment.gate.comparison import ModelId

    return ModelId(release.model_name, release.model_version, release.model_sha256)


@pytest.fixture
def placement(made_live: Path, tmp_path: Path) -> Placement:
    """A checkout's handler/model, which has the live bundle."""
    (tmp_path / "handler").mkdir()
    shutil.copytree(made_live, tmp_path / "handler" / "model")
    return Placement(tmp_path / "handler" / "model", tmp_path / "out" / "releases")


@pytest.fixture
def empty_stage(s3: Any, placement: Placement) -> Stage:
    return Stage(ReleaseStore(make_bucket(s3, "icebox-releases"), s3), placement)


@pytest.fixture
def stage(empty_stage: Stage, made_live: Path) -> Stage:
    """squares 1.0.0 is release 1, and live."""
    empty_stage.release(made_live)
    return empty_stage


def release(to: Stage, bundle: Path, **options: Any) -> None:
    run_release(
        ReleaseOptions(bundle, **options),
        deploy=to.deploy,
        read=to.read,
        placement=to.placement,
    )


def in_place(stage: Stage) -> tuple[str, str]:
    manifest = load_bundle(stage.placement.model_dir).manifest
    return manifest.version, manifest.sha256


def sha256(bundle: Path) -> str:
    return load_bundle(bundle).manifest.sha256


def test_a_bundle_as_good_is_released_under_the_next_version(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (new_bundle / "model.json").read_bytes()
    release(stage, new_bundle, stage="prod")
    kept = list_releases(stage.store)[0]
    assert (kept.number, kept.stage, kept.model_version) == (2, "prod", "1.0.1")
    assert kept.comparison and kept.comparison["worse"] == []
    assert kept.comparison["live"]["version"] == "1.0.0"
    assert kept.allow_worse is None and kept.expected_change is None
    assert in_place(stage) == ("1.0.1", sha256(new_bundle))
    assert (new_bundle / "model.json").read_bytes() == before
    assert list(stage.placement.kept_dir.glob("*")) == []
    told = capsys.readouterr().out
    placed = json.loads((stage.placement.model_dir / "model.json").read_text())
    assert [each["dataset"] for each in placed["evaluation"]] == ["cells"]
    assert placed["evaluation"][0]["command"].split()[3] == str(stage.placement.model_dir)
    for each in (
        "live on prod: squares 1.0.0", "cells: 12 pictures", "passed", "sample events answered",
        "as squares 1.0.1 (1.0.0 is release 1's, another file", "scripts/rollback prod",
        "monitor report s3://icebox-releases", "model has changed",
    ):  # fmt: skip
        assert each in told


def test_a_first_release_has_nothing_to_compare_with(
    empty_stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bundle in place was never released, yet its version is taken."""
    release(empty_stage, new_bundle)
    assert empty_stage.calls[0]["comparison"] is None
    assert "a first release has nothing to compare with" in capsys.readouterr().out
    assert in_place(empty_stage) == ("1.0.1", sha256(new_bundle))


def test_a_bundle_that_cannot_be_checked_is_not_released(stage: Stage, new_bundle: Path) -> None:
    (new_bundle / "model.onnx").write_bytes(b"half a file")
    with pytest.raises(BundleError, match="not of one export"):
        release(stage, new_bundle)
    assert stage.calls == [] and in_place(stage)[0] == "1.0.0"


@pytest.mark.parametrize("worse", [{"score_factor": 0.4}, {"score_threshold": 0.995}])
def test_a_worse_model_is_refused(
    stage: Stage, cells: Path, tmp_path: Path, worse: dict[str, float]
) -> None:
    bundle = make_bundle(tmp_path / "worse", cells, **worse)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match=r"worse than the live .*recall on cells.*--allow-worse"):
        release(stage, bundle)
    assert stage.calls == [] and in_place(stage)[0] == "1.0.0"


def test_with_a_reason_it_is_released_and_the_record_keeps_both(
    stage: Stage, cells: Path, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path / "worse", cells, score_factor=0.4)
    release(stage, bundle, allow_worse="the old one counts bubbles", expect_change="fewer boxes")
    kept = list_releases(stage.store)[0]
    assert kept.allow_worse == "the old one counts bubbles"
    assert kept.expected_change == "fewer boxes"
    assert kept.comparison and "recall on cells" in kept.comparison["worse"]


def test_other_pictures_are_refused(stage: Stage, new_bundle: Path, tmp_path: Path) -> None:
    other = write_labelled_cells(tmp_path / "cells", seed=4)
    with pytest.raises(ToolError, match="these are not the pictures"):
        release(stage, new_bundle, pictures=(other,))
    assert stage.calls == []


def test_other_classes_need_a_reason(stage: Stage, new_bundle: Path) -> None:
    manifest = read_json(new_bundle)
    manifest["classes"] = ["red", "emerald"]
    write_json(new_bundle, manifest)
    with pytest.raises(ToolError, match=r"other classes .*gone: green; new: emerald.*--expect-cha"):
        release(stage, new_bundle)
    release(stage, new_bundle, expect_change="clients were told on Monday")
    assert stage.calls[0]["comparison"]["classes_changed"] == "gone: green; new: emerald"


def test_a_detector_of_other_things_is_compared_with_nothing(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One's own model after the default one: the pictures of that have no label of this one."""
    manifest = read_json(new_bundle) | {"name": "nuts", "classes": ["nut", "bolt"]}
    write_json(new_bundle, manifest)
    with pytest.raises(ToolError, match=r"gone: red, green; new: nut, bolt.*--expect-change"):
        release(stage, new_bundle)
    release(stage, new_bundle, expect_change="our own detector")
    (call,) = stage.calls
    assert (call["comparison"], call["expected_change"]) == (None, "our own detector")
    assert "no class in common" in capsys.readouterr().out
    assert in_place(stage) == ("1.0.0", sha256(new_bundle))  # of another name


def test_what_is_live_already_is_left_alone(
    stage: Stage, live_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(stage, live_bundle)
    assert stage.calls == [] and "already live on dev: squares 1.0.0" in capsys.readouterr().out


def test_the_wanted_version_is_taken_or_refused(stage: Stage, new_bundle: Path) -> None:
    with pytest.raises(ToolError, match=r"--version 1\.0\.0: .*1\.0\.1 is free"):
        release(stage, new_bundle, version="1.0.0")
    assert stage.calls == []
    release(stage, new_bundle, version="2.0.0")
    assert in_place(stage)[0] == "2.0.0"


def test_on_the_next_stage_it_is_the_same_version(
    stage: Stage, new_bundle: Path, made_live: Path
) -> None:
    """dev first, then prod, which still has the former model and records of its own."""
    release(stage, new_bundle)
    stage.store = ReleaseStore(make_bucket(boto3.client("s3"), "icebox-prod"))
    stage.release(made_live)
    release(stage, new_bundle, stage="prod")
    assert in_place(stage)[0] == "1.0.1"


def test_a_dry_run_changes_nothing(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(stage, new_bundle, dry_run=True)
    assert stage.calls == [] and in_place(stage)[0] == "1.0.0"
    assert "it would be released as squares 1.0.1" in capsys.readouterr().out


def test_one_release_at_a_time(stage: Stage, new_bundle: Path) -> None:
    with stage.placement.alone(), pytest.raises(ToolError, match="another scripts/release"):
        release(stage, new_bundle)


def fail(error: BaseException) -> Callable[[], None]:
    def failing() -> None:
        raise error

    return failing


def test_a_deployment_that_fails_puts_the_former_bundle_back(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    former = in_place(stage)
    stage.fails = fail(ToolError("the image could not be pushed"))
    with pytest.raises(ToolError, match="could not be pushed"):
        release(stage, new_bundle)
    assert in_place(stage) == former
    assert "the former bundle is back" in capsys.readouterr().err


def test_a_bundle_that_the_function_cannot_serve_is_not_deployed(
    stage: Stage, new_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.deployment.gate import trial

    former = in_place(stage)
    monkeypatch.setattr(trial, "MAX_INIT_S", 0.0)
    with pytest.raises(ToolError, match="INIT takes"):
        release(stage, new_bundle)
    assert stage.calls == [] and in_place(stage) == former


def test_a_failure_behind_the_deployment_leaves_what_is_live_in_place(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.fails_at_last = fail(ToolError("the record could not be marked"))
    with pytest.raises(ToolError, match="could not be marked"):
        release(stage, new_bundle)
    assert in_place(stage) == ("1.0.1", sha256(new_bundle))
    assert "the new one is live" in capsys.readouterr().err
    assert len(list(stage.placement.kept_dir.glob("former-*"))) == 1


def test_interrupted_while_it_deploys_both_bundles_are_there(
    stage: Stage, new_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation goes on without us."""
    stage.fails = fail(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        release(stage, new_bundle)
    assert in_place(stage)[0] == "1.0.1"
    assert "may still be deployed" in capsys.readouterr().err
    stage.fails = None
    release(stage, new_bundle, dry_run=True)
    assert "an earlier release did not end" in capsys.readouterr().err


def test_without_aws_the_live_bundle_can_be_named(
    stage: Stage, new_bundle: Path, live_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(_: str) -> StageReleases:
        raise ToolError("which model is live on dev is not known: AWS cannot be reached")

    options = ReleaseOptions(new_bundle, dry_run=True)
    with pytest.raises(ToolError, match="--live BUNDLE"):
        run_release(options, deploy=stage.deploy, read=unreachable, placement=stage.placement)
    options = ReleaseOptions(new_bundle, live=live_bundle, dry_run=True)
    run_release(options, deploy=stage.deploy, read=unreachable, placement=stage.placement)
    told = capsys.readouterr()
    assert "could not be looked up" in told.err and "passed" in told.out


def test_a_live_model_that_is_another_than_its_record_says_is_refused(
    stage: Stage, new_bundle: Path
) -> None:
    for name in ("model.json", "model.onnx"):
        stage.store.put(f"releases/000001/{name}", (new_bundle / name).read_bytes())
    with pytest.raises(ToolError, match="release 1 says"):
        release(stage, new_bundle)


def test_the_command_line_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "nowhere"), "prod"])
    assert "release: " in str(ended.value.code) and "is missing" in str(ended.value.code)
    with pytest.raises(SystemExit):
        main(["data/mine", "prod", "--allow-worse", " "])
    assert "give a reason" in capsys.readouterr().err


# What is live, as AWS says it


@pytest.fixture
def aws(s3: Any, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """All of AWS is the moto server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return s3_endpoint


def test_a_stage_without_a_stack_has_nothing(aws: str) -> None:
    assert read_stage("prod") == StageReleases(None, None, ())


def test_the_live_release_is_the_one_that_the_alias_has(
    aws: str, empty_stage: Stage, made_live: Path, made_new: Path
) -> None:
    """Two releases; the alias went back to the first."""
    make_function("icebox-detect")
    make_stack("icebox-dev", "icebox-detect", empty_stage.store.bucket)
    empty_stage.release(made_live)
    with pytest.raises(ToolError, match=r"which model is live on dev .*alias live"):
        read_stage("dev")
    lambda_ = boto3.client("lambda")
    lambda_.publish_version(FunctionName="icebox-detect")
    lambda_.create_alias(FunctionName="icebox-detect", Name="live", FunctionVersion="1")
    empty_stage.release(made_new)
    read = read_stage("dev")
    assert read.live and read.live.number == 1
    assert read.live.model_sha256 == load_bundle(made_live).manifest.sha256
    assert {each.model.sha256 for each in read.known} == {
        load_bundle(each).manifest.sha256 for each in (made_live, made_new)
    }
    assert model_id(load_bundle(made_live).manifest) in [each.model for each in read.known]


def make_function(name: str) -> None:
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName=name,
        Role=role["Role"]["Arn"],
        PackageType="Image",
        Code={"ImageUri": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/icebox:latest"},
    )


def make_stack(name: str, function: str, bucket: str) -> None:
    """A stack whose outputs are those of ours."""
    outputs = {"FunctionName": function, "PredictionBucketName": bucket}
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
