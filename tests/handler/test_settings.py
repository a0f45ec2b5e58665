"""The environment is read once, and strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({"MODEL_DIR": str(tmp_path)}, cpus=4)
    assert settings == Settings(
        model_dir=tmp_path,
        api_key_sha256=(),
        prediction_log="",
        feedback_store="",
        capture_rate=0.0,
        capture_only_uncertain=False,
        capture_max_bytes=10_485_760,
        gradio_store="",
        upload_store="",
        max_upload_bytes=52_428_800,
        s3_uri_buckets=(),
        max_body_bytes=6_291_456,
        max_image_pixels=64_000_000,
        max_pictures=16,
        default_tiles="auto",
        ort_threads=4,
        log_level="INFO",
        stage="dev",
        function_name="local",
        function_version=None,
        runtime_api=None,
        is_snap_start=False,
        aws_region="",
        s3_endpoint="",
    )


def test_the_default_model_lies_beside_the_code() -> None:
    import handler

    assert Settings.from_env({}).model_dir == Path(handler.__file__).parent / "model"


@pytest.mark.parametrize(
    ("memory", "threads"), [("128", 1), ("1769", 1), ("3008", 2), ("3538", 2), ("10240", 6)]
)
def test_threads_follow_the_memory(memory: str, threads: int) -> None:
    assert (
        Settings.from_env({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}, cpus=9).ort_threads
        == threads
    )


def test_all_can_be_set(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "MODEL_DIR": str(tmp_path),
            "PREDICTION_LOG": "s3://bucket",
            "API_KEY_SHA256": f"{'AB' * 32}, {'cd' * 32}",
            "FEEDBACK_STORE": "s3://feedback",
            "CAPTURE_RATE": "0.25",
            "CAPTURE": "uncertain",
            "CAPTURE_MAX_BYTES": "40",
            "GRADIO_STORE": "file:///store",
            "UPLOAD_STORE": "s3://uploads",
            "MAX_UPLOAD_BYTES": "30",
            "S3_URI_BUCKETS": "mine, my.other-one",
            "MAX_BODY_BYTES": "10",
            "MAX_IMAGE_PIXELS": "20",
            "MAX_PICTURES": "5",
            "DEFAULT_TILES": "3x2",
            "ORT_THREADS": "3",
            "LOG_LEVEL": "debug",
            "STAGE": "prod",
            "AWS_LAMBDA_FUNCTION_NAME": "icebox-prod-f",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
        }
    )
    assert settings == Settings(
        model_dir=tmp_path,
        api_key_sha256=(b"\xab" * 32, b"\xcd" * 32),
        prediction_log="s3://bucket",
        feedback_store="s3://feedback",
        capture_rate=0.25,
        capture_only_uncertain=True,
        capture_max_bytes=40,
        gradio_store="file:///store",
        upload_store="s3://uploads",
        max_upload_bytes=30,
        s3_uri_buckets=("mine", "my.other-one"),
        max_body_bytes=10,
        max_image_pixels=20,
        max_pictures=5,
        default_tiles="3x2",
        ort_threads=3,
        log_level="DEBUG",
        stage="prod",
        function_name="icebox-prod-f",
        function_version="7",
        runtime_api="127.0.0.1:9001",
        is_snap_start=True,
        aws_region="eu-central-1",
        s3_endpoint="http://127.0.0.1:9000",
    )


@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency", ""])
def test_other_ways_of_init_are_no_snap_start(kind: str) -> None:
    assert not Settings.from_env({"AWS_LAMBDA_INITIALIZATION_TYPE": kind}).is_snap_start


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STAGE", "Prod"),
        ("STAGE", "1"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_BODY_BYTES", "6MB"),
        ("MAX_IMAGE_PIXELS", "1e6"),
        ("MAX_PICTURES", "0"),
        ("DEFAULT_TILES", "9x9"),
        ("DEFAULT_TILES", "Auto"),
        ("MAX_UPLOAD_BYTES", "50MB"),
        ("S3_URI_BUCKETS", "s3://mine"),
        ("ORT_THREADS", "²"),
        ("ORT_THREADS", "1.5"),
        ("LOG_LEVEL", "LOUD"),
        ("MODEL_DIR", "/no/such/folder"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        Settings.from_env({name: value})
    assert value in str(error.value)
    assert "expected" in str(error.value)


def test_a_bad_digest_is_told_without_showing_it() -> None:
    """Somebody may have put the key itself there, and the text goes into a log."""
    with pytest.raises(SettingsError, match="API_KEY_SHA256: expected SHA-256 digests") as error:
        Settings.from_env({"API_KEY_SHA256": f"{'ab' * 32},icebox_secret"})
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "rate"), [("", 0.0), ("0", 0.0), ("1", 1.0), ("0.05", 0.05), (".5", 0.5), ("1.0", 1.0)]
)
def test_a_share_is_read(text: str, rate: float) -> None:
    assert Settings.from_env({"CAPTURE_RATE": text}).capture_rate == rate


@pytest.mark.parametrize("text", ["-0.1", "1.1", "5", "10%", "1e-3", "nan", "half", "0,5", "٠"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"CAPTURE_RATE=.*from 0 to 1"):
        Settings.from_env({"CAPTURE_RATE": text})


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"CAPTURE": "all", "CAPTURE_RATE": "1"}, "CAPTURE='all': expected nothing or"),
        ({"CAPTURE": "uncertain"}, "keeps nothing while CAPTURE_RATE is 0"),
        ({"CAPTURE": "uncertain", "CAPTURE_RATE": "0.0"}, "keeps nothing"),
    ],
)
def test_a_capture_that_keeps_nothing_is_refused(env: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Settings.from_env(env)
