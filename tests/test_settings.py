"""The environment is read once, and strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from handler.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({"MODEL_DIR": str(tmp_path)}, cpus=4)
    assert settings == Settings(
        model_dir=tmp_path,
        prediction_log="",
        gradio_store="",
        max_body_bytes=6_291_456,
        max_image_pixels=64_000_000,
        max_pictures=16,
        ort_threads=4,
        log_level="INFO",
        runtime_api=None,
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
            "GRADIO_STORE": "file:///store",
            "MAX_BODY_BYTES": "10",
            "MAX_IMAGE_PIXELS": "20",
            "MAX_PICTURES": "5",
            "ORT_THREADS": "3",
            "LOG_LEVEL": "debug",
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        }
    )
    assert settings == Settings(
        tmp_path, "s3://bucket", "file:///store", 10, 20, 5, 3, "DEBUG", "127.0.0.1:9001"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_BODY_BYTES", "6MB"),
        ("MAX_IMAGE_PIXELS", "1e6"),
        ("MAX_PICTURES", "0"),
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
