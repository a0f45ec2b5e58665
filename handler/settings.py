"""Settings of a deployment, read from the environment. Nothing else reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MB_PER_VCPU = 1769  # Lambda gives one vCPU per this much memory
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsError(ValueError):
    """An unusable variable; the text names it, its value and what is expected."""


class Settings(NamedTuple):
    """Settings of a deployment.

    model_dir: folder of the bundle. api_key_sha256: digests of the keys that open the API; without
    any it is open to all. prediction_log, feedback_store, gradio_store, upload_store: a URL, empty
    for none; uploads need S3. capture_rate: share of the pictures to keep, 0..1.
    capture_only_uncertain: whether of uncertain pictures only. capture_max_bytes: of a picture to
    keep. max_upload_bytes: of a picture in S3. s3_uri_buckets: buckets whose objects a request may
    name. max_body_bytes: of the HTTP body. max_image_pixels: width times height of the upright
    original. max_pictures: in one request. default_tiles: none, auto, or columns x rows, for
    requests that name none. ort_threads: of one inference. stage: of the deployment,
    a dimension of its metrics. function_name, function_version: of the Lambda function, "local" and
    None outside Lambda. runtime_api: host and port of the Lambda Runtime API, None
    outside Lambda. is_snap_start: whether Lambda takes a snapshot of this environment after INIT.
    aws_region: empty if unknown. s3_endpoint: URL of another S3-compatible service, empty for AWS.
    """

    model_dir: Path
    api_key_sha256: tuple[bytes, ...]
    prediction_log: str
    feedback_store: str
    capture_rate: float
    capture_only_uncertain: bool
    capture_max_bytes: int
    gradio_store: str
    upload_store: str
    max_upload_bytes: int
    s3_uri_buckets: tuple[str, ...]
    max_body_bytes: int
    max_image_pixels: int
    max_pictures: int
    default_tiles: str
    ort_threads: int
    log_level: str
    stage: str
    function_name: str
    function_version: str | None
    runtime_api: str | None
    is_snap_start: bool
    aws_region: str
    s3_endpoint: str

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, cpus: int = 1) -> Settings:
        """Read and check the variables; an empty one counts as absent.

        cpus: threads of one inference outside Lambda. Raises SettingsError.
        """
        memory_mb = _whole_number(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MB_PER_VCPU * cpus)
        log_level = env.get("LOG_LEVEL") or "INFO"
        if log_level.upper() not in LOG_LEVELS:
            raise SettingsError(f"LOG_LEVEL={log_level!r}: expected one of {', '.join(LOG_LEVELS)}")
        model_dir = Path(env.get("MODEL_DIR") or Path(__file__).parent / "model")
        if not model_dir.is_dir():
            raise SettingsError(
                f"MODEL_DIR={str(model_dir)!r}: expected a folder with model.onnx and model.json"
            )
        stage = env.get("STAGE") or "dev"
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", stage):
            raise SettingsError(
                f"STAGE={stage!r}: expected up to 16 lower-case letters, digits and hyphens, such "
                "as dev or prod"
            )
        capture_rate, capture = _share(env, "CAPTURE_RATE"), env.get("CAPTURE") or ""
        if capture not in ("", "uncertain"):
            raise SettingsError(f"CAPTURE={capture!r}: expected nothing or 'uncertain'")
        if capture and not capture_rate:
            raise SettingsError(
                "CAPTURE='uncertain' keeps nothing while CAPTURE_RATE is 0; set it to the share of "
                "uncertain pictures to keep, such as 1"
            )
        default_tiles = env.get("DEFAULT_TILES") or "auto"
        if not re.fullmatch(r"none|auto|[1-8]x[1-8]", default_tiles):
            raise SettingsError(
                f"DEFAULT_TILES={default_tiles!r}: expected none, auto, or columns x rows from 1x1 "
                "to 8x8 such as 3x2"
            )
        return cls(
            model_dir=model_dir,
            api_key_sha256=_digests(env, "API_KEY_SHA256"),
            prediction_log=env.get("PREDICTION_LOG") or "",
            feedback_store=env.get("FEEDBACK_STORE") or "",
            capture_rate=capture_rate,
            capture_only_uncertain=capture == "uncertain",
            capture_max_bytes=_whole_number(env, "CAPTURE_MAX_BYTES", 10 * 1024 * 1024),
            gradio_store=env.get("GRADIO_STORE") or "",
            upload_store=env.get("UPLOAD_STORE") or "",
            max_upload_bytes=_whole_number(env, "MAX_UPLOAD_BYTES", 50 * 1024 * 1024),
            s3_uri_buckets=_buckets(env, "S3_URI_BUCKETS"),
            # Lambda's own limit: a larger body never reaches the function.
            max_body_bytes=_whole_number(env, "MAX_BODY_BYTES", 6 * 1024 * 1024),
            max_image_pixels=_whole_number(env, "MAX_IMAGE_PIXELS", 64_000_000),
            max_pictures=_whole_number(env, "MAX_PICTURES", 16),
            default_tiles=default_tiles,
            ort_threads=_whole_number(env, "ORT_THREADS", max(1, round(memory_mb / MB_PER_VCPU))),
            log_level=log_level.upper(),
            stage=stage,
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME") or "local",
            function_version=env.get("AWS_LAMBDA_FUNCTION_VERSION") or None,
            runtime_api=env.get("AWS_LAMBDA_RUNTIME_API") or None,
            is_snap_start=env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
            # The names that boto3 reads; Lambda sets the region.
            aws_region=env.get("AWS_DEFAULT_REGION") or "",
            s3_endpoint=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or "",
        )


def _whole_number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise SettingsError(f"{name}={text!r}: expected a whole number of at least 1")
    return int(text)


def _share(env: Mapping[str, str], name: str) -> float:
    text = env.get(name) or "0"
    if not re.fullmatch(r"[01]|[01]?\.[0-9]{1,9}", text) or float(text) > 1:
        raise SettingsError(f"{name}={text!r}: expected a number from 0 to 1, such as 0.05")
    return float(text)


def _digests(env: Mapping[str, str], name: str) -> tuple[bytes, ...]:
    texts = [text.strip() for text in (env.get(name) or "").split(",") if text.strip()]
    for text in texts:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
            raise SettingsError(  # without the value, which may be the key itself
                f"{name}: expected SHA-256 digests of 64 hex digits with commas between, one has "
                f"{len(text)} characters; `scripts/keys new` makes a key and its digest"
            )
    return tuple(map(bytes.fromhex, texts))


def _buckets(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    texts = [text.strip() for text in (env.get(name) or "").split(",") if text.strip()]
    for text in texts:
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
            raise SettingsError(
                f"{name}: {text!r} is no bucket's name; expected names with commas between"
            )
    return tuple(texts)
