"""The S3 client: where signed URLs point, and which errors are worth another try."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from handler.storage.location import S3Location
from handler.storage.s3 import is_transient, s3_client, s3_origins


def signed_origin(bucket: str) -> str:
    client = s3_client(connect_s=1, read_s=1, tries=1)
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


@pytest.mark.parametrize("bucket", ["icebox-uploads", "my.uploads"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_a_url_is_signed_for_the_regions_own_host(
    region: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's own choice is a global host, which redirects what is put into a young bucket."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    origin = signed_origin(bucket)
    assert f".{region}.amazonaws.com" in origin
    assert s3_origins(S3Location(bucket, ""), region, "") == (origin,)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://s3.example.com"])
def test_another_service_is_reached_where_it_is(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    origin = signed_origin("icebox-uploads")
    assert origin in s3_origins(S3Location("icebox-uploads", ""), "eu-central-1", endpoint)


def test_an_unknown_region_allows_nothing() -> None:
    assert s3_origins(S3Location("icebox-uploads", ""), "", "") == ()


def refusal(status: int, code: str = "") -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://a"),
        ConnectTimeoutError(endpoint_url="http://a"),
        ReadTimeoutError(endpoint_url="http://a"),
        *(refusal(status) for status in (408, 409, 429, 500, 503, 599)),
        refusal(400, "RequestTimeout"),
    ],
)
def test_no_answer_and_a_busy_s3_are_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        *(refusal(status) for status in (400, 403, 404, 412)),
        ClientError({}, "PutObject"),
        NoCredentialsError(),
        OSError("disk full"),
        ConnectionError("of Python, not of botocore"),
        ValueError("no key"),
    ],
)
def test_a_refusal_or_a_bug_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)
