"""The entry point: wires settings, model, storage and routes at INIT, and hands events on.

What lasts is made once for each execution environment; the session has run once before the first
request. A failure here fails the INIT, with a text that says what to do. INIT imports what a
detection and its record's delivery need; routes of the other dialects import the rest, when the
first request for one comes.
"""

from __future__ import annotations

import gc

gc.disable()  # what INIT makes stays: to look through it for garbage takes 25 ms of each cold start

import os
from functools import partial
from typing import Any

from handler.after_response import AfterResponse
from handler.bundle.files import load_bundle
from handler.detection.detector import Detector
from handler.http.auth import make_authorizer
from handler.http.events import WARM, is_scheduled
from handler.http.gateway import Gateway
from handler.http.route import Routes
from handler.http.route_table import RouteTable, late_routes
from handler.invocation import Invocation, is_rehearsal
from handler.metrics import Dimensions
from handler.records.build import build_records
from handler.records.destination import parse_destination
from handler.records.log import open_log
from handler.routes import detect, ops
from handler.routes.parameters import tile_grid
from handler.routes.predictor import Predictor
from handler.settings import Settings
from handler.shutdown import call_on_sigterm
from handler.storage.store import open_request_store
from handler.storage.uploads import Uploads
from handler.telemetry import Telemetry

settings = Settings.from_env(os.environ, cpus=os.cpu_count() or 1)
prediction_log = open_log(settings.prediction_log)
destination = parse_destination("PREDICTION_LOG", settings.prediction_log)
feedback_store = (
    open_request_store("FEEDBACK_STORE", settings.feedback_store)
    if destination.stream
    else open_request_store("PREDICTION_LOG", destination.store)
)
gradio_store = open_request_store("GRADIO_STORE", settings.gradio_store)
upload_store = Uploads(
    settings.upload_store, settings.s3_uri_buckets, max_bytes=settings.max_upload_bytes
)
after_response = AfterResponse.start(
    settings.runtime_api if prediction_log else None,
    before_exit=partial(prediction_log.print_unwritten, "the process ends")
    if prediction_log
    else lambda: None,
    is_snap_start=settings.is_snap_start,
)
if prediction_log and settings.runtime_api:
    call_on_sigterm(partial(prediction_log.print_unwritten, "the environment is shut down"))
detector = Detector.load(load_bundle(settings.model_dir), threads=settings.ort_threads)
manifest = detector.manifest
predictor = Predictor(
    detector, settings.max_image_pixels, tile_grid("DEFAULT_TILES", settings.default_tiles)
)
if settings.capture_rate:
    from handler.records.capture import open_captures

    captures = open_captures(
        "FEEDBACK_STORE" if destination.stream else "PREDICTION_LOG",
        settings.feedback_store if destination.stream else destination.store,
        manifest,
        rate=settings.capture_rate,
        only_uncertain=settings.capture_only_uncertain,
        max_bytes=settings.capture_max_bytes,
    )
else:
    captures = None
telemetry = Telemetry(
    log_level=settings.log_level,
    dimensions=Dimensions(
        stage=settings.stage,
        function_name=settings.function_name,
        function_version=settings.function_version or "local",
        model_version=manifest.version,
    ),
    score_threshold=manifest.thresholds.score,
)


@late_routes("POST /v1/uploads")
def upload_routes() -> Routes:
    from handler.routes import uploads

    return uploads.routes(upload_store)


@late_routes("POST /v1/predictions/{prediction_id}/feedback")
def feedback_routes() -> Routes:
    from handler.routes import feedback

    return feedback.routes(feedback_store, manifest, finds_records=destination.finds_records)


@late_routes(
    "GET /",
    "GET /docs",
    "GET /openapi.json",
    "GET /manifest.webmanifest",
    "GET /icon-192.png",
    "GET /icon-512.png",
    "GET /sample.jpg",
)
def web_routes() -> Routes:
    from handler.routes import web

    return web.routes(upload_store.origins(settings.aws_region, settings.s3_endpoint))


@late_routes(
    "GET /hf/health",
    "GET /models/{name}/health",
    "GET /models/{owner}/{name}/health",
    "POST /hf",
    "POST /models/{name}",
    "POST /models/{owner}/{name}",
)
def huggingface_routes() -> Routes:
    from handler.routes import huggingface

    return huggingface.routes(predictor)


@late_routes("POST /api/predict", "POST /+/api/predict")
def gradio_v2_routes() -> Routes:
    from handler.routes.gradio import v2

    return v2.routes(predictor)


@late_routes(
    "GET /config",
    "GET /gradio_api/info",
    "POST /gradio_api/upload",
    "POST /gradio_api/queue/join",
    "GET /gradio_api/queue/data",
    "POST /gradio_api/run/predict",
    "POST /gradio_api/call/predict",
    "GET /gradio_api/call/predict/{event_id}",
    "GET /gradio_api/file={file_id}/{name}",
)
def gradio_queue_routes() -> Routes:
    from handler.routes.gradio import queue

    return queue.routes(predictor, gradio_store, max_body_bytes=settings.max_body_bytes)


@late_routes("POST /{project}/{version:int}")
def roboflow_routes() -> Routes:
    from handler.routes import roboflow

    return roboflow.routes(predictor)


gateway = Gateway(
    RouteTable(
        detect.routes(predictor, upload_store, max_pictures=settings.max_pictures),
        upload_routes,
        feedback_routes,
        ops.routes(manifest),
        web_routes,
        huggingface_routes,
        gradio_v2_routes,
        gradio_queue_routes,
        roboflow_routes,  # last: its template matches paths of others
    ),
    max_body_bytes=settings.max_body_bytes,
    authorize=make_authorizer(settings.api_key_sha256),
)
if settings.is_snap_start:
    from handler.snapshot import register_hooks

    register_hooks(gateway.routes)
is_cold = True
gc.freeze()  # nor does any later collection look through it
gc.enable()


def lambda_handler(event: Any, context: Any) -> Any:
    """Answer one event. Raises what a bug raises, and ValueError for an event of no known form; a
    client's fault is an answer, no error."""
    global is_cold
    request_id = getattr(context, "aws_request_id", None) or _make_id()
    invocation = Invocation(request_id, cold_start=is_cold, is_rehearsal=is_rehearsal(context))
    is_cold = False
    work = None
    try:
        if is_scheduled(event):
            return WARM
        result = gateway.answer(event, invocation)
        invocation.total_ms = invocation.total_ms or invocation.elapsed_ms()
        telemetry.report(invocation, invocation.status)
        if prediction_log and invocation.route and not invocation.is_rehearsal:
            records = build_records(invocation, manifest, settings.function_version)
            write = prediction_log.add(records).write
            work = captures.before(write, invocation) if captures else write
    finally:
        after_response.finish(context, work)
    return result


def _make_id() -> str:
    """For an invocation outside Lambda, where there may be no context."""
    import uuid

    return str(uuid.uuid4())
