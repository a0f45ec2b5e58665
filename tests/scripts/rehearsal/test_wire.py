"""The stand-in's server, asked by boto3's own clients in each of their protocols."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.utils import get_service_model
from werkzeug.wrappers import Response

from scripts.rehearsal import cbor
from scripts.rehearsal.account import AwsError
from scripts.rehearsal.http_apis import find_operation
from scripts.rehearsal.server import Server

MOMENT = datetime(2026, 11, 29, 18, 30, tzinfo=UTC)
asked: list[dict[str, Any]] = []


def _answer(result: Any) -> Callable[[dict[str, Any]], Any]:
    def answer(parameters: dict[str, Any]) -> Any:
        asked.append(parameters)
        if isinstance(result, Exception):
            raise result
        return result

    return answer


@pytest.fixture(scope="module")
def client() -> Iterator[Callable[[str], Any]]:
    info = {"deploymentId": "d-1", "createTime": MOMENT, "status": "Succeeded"}
    stack = {"StackName": "one", "StackStatus": "CREATE_COMPLETE", "CreationTime": MOMENT}
    invoked = {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": b"{}"}
    services = {
        "codedeploy": {
            "GetDeployment": _answer({"deploymentInfo": info}),
            "StopDeployment": _answer(AwsError("DeploymentDoesNotExistException", "none")),
        },
        "cloudformation": {"DescribeStacks": _answer({"Stacks": [stack]})},
        "lambda": {"Invoke": _answer(invoked)},
    }
    server = Server(0, services, lambda _: Response("the API"))
    server.start()

    def make(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="eu-central-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )

    yield make
    server.stop()


def test_cbor(client: Callable[[str], Any]) -> None:
    info = client("codedeploy").get_deployment(deploymentId="d-1")["deploymentInfo"]
    assert (info["createTime"], info["status"]) == (MOMENT, "Succeeded")
    assert asked[-1] == {"deploymentId": "d-1"}
    with pytest.raises(ClientError, match="DeploymentDoesNotExistException"):
        client("codedeploy").stop_deployment(deploymentId="d-1")


def test_query(client: Callable[[str], Any]) -> None:
    (stack,) = client("cloudformation").describe_stacks(StackName="one")["Stacks"]
    assert (stack["StackStatus"], stack["CreationTime"]) == ("CREATE_COMPLETE", MOMENT)


def test_rest_json(client: Callable[[str], Any]) -> None:
    answer = client("lambda").invoke(FunctionName="detect", Qualifier="live", Payload=b"[1]")
    assert (answer["FunctionError"], answer["Payload"].read()) == ("Unhandled", b"{}")
    assert asked[-1] == {"FunctionName": "detect", "Qualifier": "live", "Payload": b"[1]"}


def test_an_operation_that_it_lacks_is_an_error_that_names_it(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError, match="the stand-in has no codedeploy:ListApplications"):
        client("codedeploy").list_applications()


def test_a_service_that_it_lacks_is_an_error(client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError, match="501"):
        client("dynamodb").list_tables()


def test_moto_answers_for_s3_and_in_cbor_for_cloudwatch(client: Callable[[str], Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(
        Bucket="rehearsed", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_object(Bucket="rehearsed", Key="a b", Body=b"x" * 100_000)
    assert len(s3.get_object(Bucket="rehearsed", Key="a b")["Body"].read()) == 100_000
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
    )
    (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["Threshold"] == 0.5
    assert isinstance(alarm["StateUpdatedTimestamp"], datetime)


@pytest.mark.parametrize(
    "value", [0, 23, 24, 255, 70_000, 1 << 40, -1, -300, 1.5, "ä", True, [1, [2]], {"a": {}}]
)
def test_cbor_is_read_as_it_was_written(value: Any) -> None:
    assert cbor.decode(cbor.encode({"v": value})) == {"v": value}


def test_a_timestamp_is_tagged_where_its_shape_says_so() -> None:
    shape = get_service_model("codedeploy").operation_model("GetDeployment").output_shape
    written = cbor.encode({"deploymentInfo": {"createTime": 1.5}}, shape)
    assert written.endswith(b"jcreateTime\xc1\xfb" + struct.pack(">d", 1.5))  # RFC 8949, 3.4.2


def test_the_operation_of_a_request() -> None:
    any_method = "x-amazon-apigateway-any-method"
    definition = {
        "paths": {
            "$default": {any_method: 1},
            "/": {"get": 2},
            "/{proxy+}": {"options": 3},
            "/health": {"get": 4},
        }
    }
    found = [
        find_operation(definition, *each)
        for each in (
            ("GET", "/"),
            ("POST", "/"),
            ("GET", "/health"),
            ("OPTIONS", "/v1/detect"),
            ("POST", "/v1/detect"),
        )
    ]
    assert found == [2, 1, 4, 3, 1]
