"""The environment in, checked settings out: nothing else reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MB_PER_VCPU = 1769  # Lambda gives one vCPU per this much memory
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsError(ValueError):
    """A variable that cannot be used; the text names it, its value and what is expected."""


@dataclass(frozen=True)
class Settings:
    """What a deployment decides.

    prediction_log, gradio_store: a URL, or empty for none. max_body_bytes: of the HTTP body, before
    any picture is taken out of it. max_image_pixels: width times height of the upright original.
    max_pictures: of one request. ort_threads: of one inference. runtime_api: host and port of the
    Lambda Runtime API, None outside Lambda.
    """

    model_dir: Path
    prediction_log: str
    gradio_store: str
    max_body_bytes: int
    max_image_pixels: int
    max_pictures: int
    ort_threads: int
    log_level: str
    runtime_api: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, cpus: int = 1) -> Settings:
        """Read the variables; an empty one is an absent one. `cpus`: for use outside Lambda.

        Raises SettingsError.
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
        return cls(
            model_dir=model_dir,
            prediction_log=env.get("PREDICTION_LOG") or "",
            gradio_store=env.get("GRADIO_STORE") or "",
            # Lambda passes at most 6 MiB, so that a larger body never gets here.
            max_body_bytes=_whole_number(env, "MAX_BODY_BYTES", 6 * 1024 * 1024),
            max_image_pixels=_whole_number(env, "MAX_IMAGE_PIXELS", 64_000_000),
            max_pictures=_whole_number(env, "MAX_PICTURES", 16),
            ort_threads=_whole_number(env, "ORT_THREADS", max(1, round(memory_mb / MB_PER_VCPU))),
            log_level=log_level.upper(),
            runtime_api=env.get("AWS_LAMBDA_RUNTIME_API") or None,
        )


def _whole_number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise SettingsError(f"{name}={text!r}: expected a whole number of at least 1")
    return int(text)
