"""The stand-in for AWS as a whole: its parts, wired, started and stopped."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from scripts.rehearsal import http_apis, lambda_api, quotas
from scripts.rehearsal.account import KEY_ID, SECRET
from scripts.rehearsal.cloudformation.api import CloudFormation
from scripts.rehearsal.cloudformation.execute import Executor
from scripts.rehearsal.cloudformation.kinds import compute, delivery, identity, storage, watching
from scripts.rehearsal.code_deploy import CodeDeploy
from scripts.rehearsal.function_logs import FunctionLogs
from scripts.rehearsal.functions import Functions
from scripts.rehearsal.http_apis import HttpApis
from scripts.rehearsal.images import Images
from scripts.rehearsal.metrics import Clock, Metrics
from scripts.rehearsal.registry import Registry
from scripts.rehearsal.schedule import Schedules
from scripts.rehearsal.server import Server


class StandIn:
    """folder: for the registry, logs and Docker's credentials. port: 0 for a free one. speed:
    seconds of AWS in one second, for CodeDeploy's minutes. concurrent_executions: the quota of the
    account, 1,000 by default in AWS, 10 in new accounts.

    Raises ToolError where docker-registry or a Docker engine is missing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        region: str = "eu-central-1",
        speed: float = 60.0,
        concurrent_executions: int = quotas.DEFAULT,
    ) -> None:
        self.region = region
        self._clients: dict[str, Any] = {}
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(speed)
        self.metrics = Metrics(self.clock)
        self._logs = FunctionLogs(folder / "functions", self.metrics, lambda: self.client("logs"))
        self.registry = Registry(folder)
        self.functions = Functions(
            region, self.registry, lambda: self.url, self._logs.take, self.metrics.invoked
        )
        self.apis = HttpApis(self.functions)
        self.images = Images(region, self.registry)
        schedules = Schedules(self.functions, lambda: self.client("events"), region)
        self.code_deploy = CodeDeploy(
            self.functions,
            self.metrics,
            self.clock,
            schedules.pass_minutes,
            lambda: self.client("cloudwatch"),
        )
        services: dict[str, Any] = {}
        try:
            self._server = Server(port, services, self.apis.answer)
        except BaseException:  # a port in use is SystemExit to werkzeug
            self.registry.stop()
            raise
        kinds = {
            **storage.kinds(self.client("s3"), region),
            **identity.kinds(self.client("iam")),
            **watching.kinds(self.client, region),
            **compute.kinds(self.functions, self.code_deploy, concurrent_executions),
            **delivery.kinds(self.apis, self.code_deploy, self.images, region),
        }
        cloudformation = CloudFormation(
            region,
            Executor(region, kinds, self.code_deploy.stop_of_stack),
            lambda: self.client("s3"),
        )
        services |= {
            "cloudformation": cloudformation.operations(),
            "lambda": lambda_api.operations(self.functions, concurrent_executions),
            "codedeploy": self.code_deploy.operations(),
            "ecr": self.images.operations(),
            "apigatewayv2": http_apis.operations(self.apis, region),
            "service-quotas": quotas.operations(concurrent_executions),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def api_url(self, stack: str) -> str:
        """Where the HTTP API of a stack is on this machine."""
        return f"{self.url}/api/{stack}"

    def environment(self) -> dict[str, str]:
        """The variables by which tools talk to the stand-in and to nobody else."""
        config = self.folder / "docker"  # SAM logs in to the registry; the user's own file is left
        config.mkdir(exist_ok=True)
        given = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "DOCKER_CONFIG": str(config),
            "SAM_CLI_TELEMETRY": "0",
        }
        if host := os.environ.get("DOCKER_HOST"):
            given["DOCKER_HOST"] = host
        return given

    def client(self, service: str) -> Any:
        """A boto3 client of the stand-in itself."""
        if service not in self._clients:
            self._clients[service] = self._make_client(service)
        return self._clients[service]

    def _make_client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def start(self) -> None:
        self._server.start()
        self._logs.start(self.functions)

    def stop(self) -> None:
        """End what was started: containers, the registry, the server."""
        self.functions.stop()
        self._logs.stop()
        self._server.stop()
        self.registry.stop()

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
