"""Who is measured: each peer's environment, command and way to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.bench.peers.dialects import (
    Dialect,
    Event,
    Form,
    Gradio,
    Raw,
    read_icebox,
    read_plain,
)
from scripts.paths import ROOT

SERVICES = ROOT / "scripts" / "bench" / "peers" / "services"
OUR_OWN, TRAINING = "", "train"
ICEBOX, ON_LAMBDA = "icebox", "icebox-lambda"


@dataclass(frozen=True)
class Peer:
    """One way to serve the model.

    environment: of requirements/peers, or OUR_OWN, or TRAINING. command: arguments of its Python,
    with {port}; of a function on Lambda, its handler alone. like: the row of Icebox that it is
    compared with. is_extra: a variant for those who ask, apart from how people usually write it.
    has_default_model: whether it runs the bundle that Icebox ships, and all others the float one.
    """

    name: str
    title: str
    environment: str
    command: tuple[str, ...]
    dialect: Dialect | Event
    env: tuple[tuple[str, str], ...] = ()
    is_extra: bool = False
    has_default_model: bool = False

    @property
    def is_on_lambda(self) -> bool:
        return isinstance(self.dialect, Event)

    @property
    def is_icebox(self) -> bool:
        return self.name.startswith(ICEBOX)

    @property
    def like(self) -> str:
        return ON_LAMBDA if self.is_on_lambda else ICEBOX


UVICORN = ("-m", "uvicorn", "fastapi_app:app", "--host", "127.0.0.1", "--port", "{port}")
SERVE = ("-P", "-m", "scripts.local.serve", "--port", "{port}")
BENTOML = (
    *("-m", "bentoml", "serve", "bentoml_service:Detection"),
    *("--host", "127.0.0.1", "--port", "{port}"),
)
FUNCTION = "handler.app.lambda_handler"
NATIVE = "/v1/detect"

PEERS: tuple[Peer, ...] = (
    Peer(ICEBOX, "Icebox, scripts/serve", OUR_OWN, SERVE, Raw(NATIVE, read_icebox),
         has_default_model=True),
    Peer("icebox-float", "Icebox, the float model", OUR_OWN, SERVE, Raw(NATIVE, read_icebox),
         is_extra=True),
    Peer("bentoml", "BentoML", "bentoml", BENTOML, Form("/detect", "image", read_plain)),
    Peer("fastapi", "FastAPI + uvicorn", "fastapi", UVICORN, Form("/detect", "file", read_plain)),
    Peer("fastapi-draft", "FastAPI, draft decoding", "fastapi", UVICORN,
         Form("/detect", "file", read_plain), env=(("DRAFTS", "1"),), is_extra=True),
    Peer("litserve", "LitServe", "litserve", ("litserve_server.py", "{port}"),
         Form("/predict", "request", read_plain)),
    Peer("gradio", "Gradio, annotated picture", "gradio", ("gradio_app.py", "{port}"),
         Gradio("detect", is_annotated=True)),
    Peer("gradio-json", "Gradio, boxes alone", "gradio", ("gradio_app.py", "{port}"),
         Gradio("detect", is_annotated=False), env=(("ANNOTATES", "0"),), is_extra=True),
    Peer("icevision", "IceVision, end2end_detect", TRAINING, ("icevision_server.py", "{port}"),
         Raw("/detect", read_plain)),
    Peer(ON_LAMBDA, "Icebox, Lambda emulator", OUR_OWN, (FUNCTION,),
         Event(NATIVE, None, read_icebox), has_default_model=True),
    Peer("icebox-lambda-float", "Icebox, Lambda, float model", OUR_OWN, (FUNCTION,),
         Event(NATIVE, None, read_icebox), is_extra=True),
    Peer("mangum", "FastAPI + Mangum, Lambda emulator", "mangum", ("mangum_function.handler",),
         Event("/detect", "file", read_plain)),
)  # fmt: skip
