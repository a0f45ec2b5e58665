"""The composition root: the environment in, `lambda_handler` out. It only wires.

All that lasts is made here once per execution environment, at INIT: the session is loaded and has
run once before the first request. What fails here fails the INIT, with a text that says what to do.
"""

from __future__ import annotations

import os
import time
import uuid
from functools import partial
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from handler.after_response import AfterResponse
from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.http import auth
from handler.http.gateway import Gateway
from handler.invocation import Invocation
from handler.records.build import build_record
from handler.records.log import open_log
from handler.routes import detect, feedback, huggingface, ops, roboflow, web
from handler.routes import uploads as upload_routes
from handler.routes.gradio import queue, v2
from handler.settings import Settings
from handler.storage import store
from handler.storage.uploads import Uploads

SERVICE = "icebox"

settings = Settings.from_env(os.environ, cpus=os.cpu_count() or 1)
logger = Logger(service=SERVICE, level=settings.log_level)
metrics = Metrics(namespace="Icebox", service=SERVICE)
log = open_log(settings.prediction_log)
log_store = store.open_store("PREDICTION_LOG", settings.prediction_log)
gradio_store = store.open_store("GRADIO_STORE", settings.gradio_store)
uploads = Uploads(
    settings.upload_store, settings.s3_uri_buckets, max_bytes=settings.max_upload_bytes
)
after_response = AfterResponse.start(settings.runtime_api if log else None)
detector = Detector.load(load_bundle(settings.model_dir), threads=settings.ort_threads)
max_pixels = settings.max_image_pixels
gateway = Gateway(
    {
        **detect.routes(
            detector, uploads, max_pixels=max_pixels, max_pictures=settings.max_pictures
        ),
        **upload_routes.routes(uploads),
        **feedback.routes(log_store, detector.manifest),
        **ops.routes(detector.manifest),
        **web.routes(uploads.origins(settings.aws_region, settings.s3_endpoint)),
        **huggingface.routes(detector, max_pixels=max_pixels),
        **v2.routes(detector, max_pixels=max_pixels),
        **queue.routes(
            detector, gradio_store, max_pixels=max_pixels, max_body_bytes=settings.max_body_bytes
        ),
        # last: of paths that several templates match, the first has it
        **roboflow.routes(detector, max_pixels=max_pixels),
    },
    max_body_bytes=settings.max_body_bytes,
    authorize=auth.authorizer(settings.api_key_sha256),
)
cold = True


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one HTTP event. Raises what a bug raises; a client's fault is an answer, no error."""
    global cold
    call = Invocation(
        getattr(context, "aws_request_id", None) or str(uuid.uuid4()), cold_start=cold
    )
    cold = False
    try:
        response = gateway.answer(event, call)
        call.total_ms = call.total_ms or call.elapsed_ms()
        report(call, response["statusCode"])
    except BaseException:
        after_response.finish(context, None)
        raise
    after_response.finish(context, partial(write_records, call) if log and call.route else None)
    return response


def report(call: Invocation, status: int) -> None:
    """One log line and, for a prediction or a rejection, its metrics."""
    said: dict[str, object] = {}
    if any(outcome.prediction for outcome in call.outcomes()):
        found = [each.prediction.detections for each in call.outcomes() if each.prediction]
        said = {"count": sum(map(len, found))}
    if call.problem:
        said = dict(zip(("problem", "detail"), call.problem, strict=True))
    logger.info(
        "answered",
        extra={
            "prediction_id": call.id,
            "route": call.route or None,
            "status": status,
            "timing_ms": call.timing_ms(),
            **said,
        },
    )
    if not call.route:
        return
    for outcome in call.outcomes():
        metrics.add_metric("Rejected", MetricUnit.Count, int(outcome.problem is not None))
        if outcome.prediction:
            # by the model's own threshold, so that clients of any threshold make one measure
            sure = outcome.prediction.output.above(detector.manifest.thresholds.score)
            metrics.add_metric("Detections", MetricUnit.Count, len(sure))
            for name, milliseconds in outcome.timing_ms().items():
                metrics.add_metric(
                    f"{name.capitalize()}Time", MetricUnit.Milliseconds, milliseconds
                )
    if call.cold_start:
        metrics.add_metric("ColdStart", MetricUnit.Count, 1)
    metrics.flush_metrics()


def write_records(call: Invocation, remaining_s: float) -> None:
    assert log
    deadline = time.monotonic() + remaining_s
    for outcome in call.outcomes():
        log.write(build_record(outcome, detector.manifest), within_s=deadline - time.monotonic())
