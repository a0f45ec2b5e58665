"""The entry point: wires settings, model, storage and routes at INIT, and hands events on.

What lasts is made once for each execution environment; the session has run once before the first
request. A failure here fails the INIT, with a text that says what to do.
"""

from __future__ import annotations

import os
import uuid
from functools import partial
from typing import Any

from handler.after_response import AfterResponse
from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.http.auth import make_authorizer
from handler.http.events import WARM, is_scheduled
from handler.http.gateway import Gateway
from handler.invocation import Invocation
from handler.records.build import build_records
from handler.records.log import open_log
from handler.routes import detect, feedback, huggingface, ops, roboflow, uploads, web
from handler.routes.gradio import queue, v2
from handler.routes.predictor import Predictor
from handler.settings import Settings
from handler.shutdown import call_on_sigterm
from handler.storage.store import open_request_store
from handler.storage.uploads import Uploads
from handler.telemetry import Telemetry

settings = Settings.from_env(os.environ, cpus=os.cpu_count() or 1)
prediction_log = open_log(settings.prediction_log)
feedback_store = open_request_store("PREDICTION_LOG", settings.prediction_log)
gradio_store = open_request_store("GRADIO_STORE", settings.gradio_store)
upload_store = Uploads(
    settings.upload_store, settings.s3_uri_buckets, max_bytes=settings.max_upload_bytes
)
after_response = AfterResponse.start(
    settings.runtime_api if prediction_log else None,
    before_exit=partial(prediction_log.print_unwritten, "the process ends")
    if prediction_log
    else lambda: None,
)
if prediction_log and settings.runtime_api:
    call_on_sigterm(partial(prediction_log.print_unwritten, "the environment is shut down"))
detector = Detector.load(load_bundle(settings.model_dir), threads=settings.ort_threads)
manifest = detector.manifest
predictor = Predictor(detector, settings.max_image_pixels)
telemetry = Telemetry(log_level=settings.log_level, score_threshold=manifest.thresholds.score)
gateway = Gateway(
    {
        **detect.routes(predictor, upload_store, max_pictures=settings.max_pictures),
        **uploads.routes(upload_store),
        **feedback.routes(feedback_store, manifest),
        **ops.routes(manifest),
        **web.routes(upload_store.origins(settings.aws_region, settings.s3_endpoint)),
        **huggingface.routes(predictor),
        **v2.routes(predictor),
        **queue.routes(predictor, gradio_store, max_body_bytes=settings.max_body_bytes),
        **roboflow.routes(predictor),  # last: its template matches paths of others
    },
    max_body_bytes=settings.max_body_bytes,
    authorize=make_authorizer(settings.api_key_sha256),
)
is_cold = True


def lambda_handler(event: Any, context: Any) -> Any:
    """Answer one event. Raises what a bug raises, and ValueError for an event of no known form; a
    client's fault is an answer, no error."""
    global is_cold
    request_id = getattr(context, "aws_request_id", None) or str(uuid.uuid4())
    invocation = Invocation(request_id, cold_start=is_cold)
    is_cold = False
    work = None
    try:
        if is_scheduled(event):
            return WARM
        result = gateway.answer(event, invocation)
        invocation.total_ms = invocation.total_ms or invocation.elapsed_ms()
        telemetry.report(invocation, invocation.status)
        if prediction_log and invocation.route:
            work = prediction_log.add(build_records(invocation, manifest)).write
    finally:
        after_response.finish(context, work)
    return result
