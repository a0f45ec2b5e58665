"""The stack: valid, and after SAM's expansion exactly as private, bounded and narrow as it is meant
to be."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handler.settings import Settings
from scripts.deployment import keys
from scripts.local.invoke import HANDLER
from scripts.local.serve import CORS_HEADERS, PREFLIGHT_HEADERS
from tests.support.app import App
from tests.support.paths import ROOT
from tests.template import cloudformation, policies
from tests.template.cloudformation import Resources, of_type, only
from tests.template.conftest import Translate

BIN = Path(sys.executable).parent
SAM_BIN = ROOT / ".venv-sam" / "bin"
# Headers that make a browser ask first, by what sets them, as its documentation says.
SENT_BY_SCRIPTS = {
    *("content-type", "accept", "authorization", "x-api-key"),
    *("x-gradio-user", "x-hf-authorization"),  # @gradio/client, gradio_client
    "user-agent",  # @huggingface/inference, in Firefox
    *("x-amz-date", "x-amz-security-token", "x-amz-content-sha256"),  # SigV4
    *("amz-sdk-invocation-id", "amz-sdk-request", "x-amz-user-agent"),  # AWS SDK for JavaScript 3
    *("traceparent", "tracestate", "baggage"),  # OpenTelemetry: W3C Trace Context and Baggage
    *(
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-parentspanid",
        "x-b3-sampled",
    ),  # its B3
    *("uber-trace-id", "x-amzn-trace-id"),  # its Jaeger and X-Ray propagators
    "sentry-trace",  # Sentry, beside baggage
    *("x-requested-with", "x-xsrf-token"),  # axios, jQuery, Dropzone
    *("apollo-require-preflight", "apollographql-client-name", "apollographql-client-version"),
    "x-apollo-operation-name",
}


@pytest.mark.needs_sam
def test_sam_finds_nothing_wrong() -> None:
    sam = SAM_BIN / "sam"
    env = {
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
    }
    ran = subprocess.run(
        [sam, "validate", "--lint"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_one_function_one_route_to_it(expanded: Resources) -> None:
    function = only(expanded, "AWS::Lambda::Function")
    assert function["PackageType"] == "Image"
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert function["MemorySize"] == 1769
    assert 5 <= function["Timeout"] < 30  # the API gives up at 30 s
    logging = function["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    # Lambda takes a line without a level, such as a metric, for INFO: no setting may filter it out
    assert logging["ApplicationLogLevel"] == {"Fn::If": ["Debugs", "DEBUG", "INFO"]}
    paths = only(expanded, "AWS::ApiGatewayV2::Api")["Body"]["paths"]
    assert "$default" in paths
    for methods in paths.values():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            assert integration["uri"]["Fn::Sub"].endswith("/${DetectFunction.Arn}:live/invocations")
            assert integration["payloadFormatVersion"] == "2.0"
    permission = only(expanded, "AWS::Lambda::Permission")
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["FunctionName"] == {"Ref": "DetectFunctionAliaslive"}
    assert HANDLER in (ROOT / "Dockerfile").read_text()


def test_snapshots_are_of_the_function_that_callers_wait_for_alone(
    expanded: Resources, written: dict[str, Any]
) -> None:
    """And nothing beside them that Lambda refuses: /tmp above 512 MB, a file system, provisioned
    concurrency."""
    functions = of_type(expanded, "AWS::Lambda::Function")
    with_snapshots = {name: each for name, each in functions.items() if "SnapStart" in each}
    assert with_snapshots.keys() == {"DetectFunction"}
    function = with_snapshots["DetectFunction"]
    assert function["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
    assert function.get("EphemeralStorage", {"Size": 512})["Size"] <= 512
    assert "FileSystemConfigs" not in function
    (alias,) = [
        each
        for name, each in of_type(expanded, "AWS::Lambda::Alias").items()
        if name.startswith("DetectFunction")
    ]
    assert "ProvisionedConcurrencyConfig" not in alias
    parameter = written["Parameters"]["SnapStart"]
    assert parameter["Default"] == "None"  # a text, as CloudFormation names it
    assert parameter["AllowedValues"] == ["None", "PublishedVersions"]


def test_settings_have_the_handlers_names_and_defaults(written: dict[str, Any]) -> None:
    function = written["Resources"]["DetectFunction"]["Properties"]
    variables = dict(function["Environment"]["Variables"])
    variables.pop("PREDICTION_LOG")  # see test_delivery.py
    assert variables.pop("FEEDBACK_STORE") == {"Fn::Sub": "s3://${PredictionBucket}"}
    assert variables.pop("GRADIO_STORE") == {"Fn::Sub": "s3://${UploadBucket}/gradio"}
    assert variables.pop("STAGE") == {"Ref": "Stage"}
    assert written["Parameters"]["Stage"]["Default"] == Settings.from_env({}).stage
    assert variables.pop("UPLOAD_STORE") == {"Fn::Sub": "s3://${UploadBucket}"}
    assert variables.pop("API_KEY_SHA256") == {"Ref": "ApiKeySha256"}
    assert variables.pop("S3_URI_BUCKETS") == {"Fn::Join": [",", {"Ref": "ReadableBuckets"}]}
    assert variables.pop("ORT_DISABLE_TELEMETRY") == "1"  # ONNX Runtime's, no setting of ours
    assert variables["CAPTURE_RATE"] == {"Ref": "CaptureRate"}
    assert variables.pop("CAPTURE") == {"Ref": "Capture"}
    variables["CAPTURE_RATE"] = written["Parameters"]["CaptureRate"]["Default"]
    level = variables.pop("LOG_LEVEL")
    assert level == {"Ref": "LogLevel"}
    deployed = Settings.from_env(
        {
            **variables,
            "LOG_LEVEL": written["Parameters"]["LogLevel"]["Default"],
            "DEFAULT_TILES": written["Parameters"]["DefaultTiles"]["Default"],
        }
    )
    assert deployed == Settings.from_env({})
    source = (ROOT / "handler" / "settings.py").read_text()
    read = set(re.findall(r'"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)"', source))
    ours = {name for name in read if not name.startswith("AWS_")}  # those are Lambda's own
    set_elsewhere = {"PREDICTION_LOG", "GRADIO_STORE", "UPLOAD_STORE", "API_KEY_SHA256"}
    set_elsewhere.add("FEEDBACK_STORE")
    assert ours == {*variables, *set_elsewhere, "S3_URI_BUCKETS", "LOG_LEVEL"}


def test_the_buckets_are_private_encrypted_and_kept(expanded: Resources) -> None:
    buckets = of_type(expanded, "AWS::S3::Bucket")
    assert buckets.keys() == {"PredictionBucket", "UploadBucket"}
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        # else a first deployment that fails would leave them, and each try two more
        assert expanded[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert expanded[name]["UpdateReplacePolicy"] == "Retain"
        # a bucket that outlives the stack stays closed to plain HTTP
        assert expanded[f"{name}Policy"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_records_are_versioned_and_expire(expanded: Resources) -> None:
    bucket = of_type(expanded, "AWS::S3::Bucket")["PredictionBucket"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    lifecycle = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert lifecycle["predictions-expire"]["Prefix"] == "predictions/"
    assert lifecycle["feedback-expires"]["Prefix"] == "feedback/"
    assert lifecycle["captures-expire"]["Prefix"] == "captures/"
    assert lifecycle["captures-expire"]["ExpirationInDays"] == {"Ref": "CaptureRetentionDays"}
    assert lifecycle["captures-expire"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1
    # releases are kept as long as the bucket, as the way back
    prefixes = [rule.get("Prefix", "") for rule in lifecycle.values() if "ExpirationInDays" in rule]
    assert all(prefixes) and "releases/" not in prefixes
    assert lifecycle["leftovers-expire"]["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 90


def test_uploads_are_put_by_browsers_and_gone_in_a_day(expanded: Resources) -> None:
    bucket = of_type(expanded, "AWS::S3::Bucket")["UploadBucket"]
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"], rule.get("Prefix")) == ("Enabled", 1, None)
    assert "VersioningConfiguration" not in bucket  # or an expired one would still lie there
    [cors] = bucket["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedMethods"] == ["PUT"]
    assert "content-type" in cors["AllowedHeaders"]


def test_the_buckets_refuse_plain_http(expanded: Resources) -> None:
    policies = of_type(expanded, "AWS::S3::BucketPolicy")
    named = {policy["Bucket"]["Ref"] for policy in policies.values()}
    assert named == of_type(expanded, "AWS::S3::Bucket").keys()
    for policy in policies.values():
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (
            statement["Effect"] == "Deny"
            and statement["Principal"] == "*"
            and statement["Action"] == "s3:*"
        )
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert len(statement["Resource"]) == 2  # the bucket and what is in it


def test_the_role_may_do_what_the_routes_need_and_no_more(translated: dict[str, Any]) -> None:
    role = cloudformation.resources(translated, {})["DetectRole"]["Properties"]
    allowed = policies.allowed(role)
    predictions, gradio, given, uploads = (
        {"Fn::Sub": f"${{{bucket}.Arn}}/{prefix}/*"}
        for bucket, prefix in (
            ("PredictionBucket", "predictions"),
            ("UploadBucket", "gradio"),
            ("PredictionBucket", "feedback"),
            ("UploadBucket", "uploads"),
        )
    )
    assert allowed == {
        "logs:CreateLogStream": [{"Fn::GetAtt": "FunctionLogGroup.Arn"}],
        "logs:PutLogEvents": [{"Fn::GetAtt": "FunctionLogGroup.Arn"}],
        "s3:PutObject": [predictions, given, gradio, uploads],
        "s3:GetObject": [predictions, gradio, uploads],
        "s3:DeleteObject": [gradio],
        "s3:ListBucket": [
            {"Fn::GetAtt": "PredictionBucket.Arn"},
            {"Fn::GetAtt": "UploadBucket.Arn"},
        ],
    }
    statements = policies.statements(role)
    listing = [item["Condition"] for item in statements if item["Action"] == "s3:ListBucket"]
    assert listing == [
        {"StringLikeIfExists": {"s3:prefix": ["predictions/*", "compacted/*"]}},
        {"StringLikeIfExists": {"s3:prefix": ["gradio/*", "uploads/*"]}},
    ]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_buckets_that_are_named_may_be_read(translated: dict[str, Any], partition: str) -> None:
    made = cloudformation.resources(
        translated, {"ReadableBuckets": "a,b.c"}, {"AWS::Partition": partition}
    )
    role = made["DetectRole"]["Properties"]
    reading, listing = role["Policies"][-1]["PolicyDocument"]["Statement"]
    assert reading["Action"] == "s3:GetObject"
    assert reading["Resource"] == [f"arn:{partition}:s3:::a/*", f"arn:{partition}:s3:::b.c/*"]
    # or a missing object would be AccessDenied, which is told as the deployment's fault
    assert listing["Action"] == "s3:ListBucket"
    assert listing["Resource"] == [f"arn:{partition}:s3:::a", f"arn:{partition}:s3:::b.c"]
    assert listing["Condition"] == {"StringLikeIfExists": {"s3:prefix": "?*"}}


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({}, True),
        ({"AllowAnonymous": "false"}, True),
        ({"AllowAnonymous": "true"}, False),
        ({"ApiKeySha256": keys.digest("k")}, False),
        ({"Authorizer": "IAM"}, False),
        ({"Authorizer": "JWT"}, True),
        ({"Authorizer": "JWT", "JwtIssuer": "https://issuer"}, True),
        ({"Authorizer": "JWT", "JwtAudience": "a"}, True),
        ({"Authorizer": "JWT", "JwtIssuer": "https://issuer", "JwtAudience": "a"}, False),
        ({"Authorizer": "NONE", "JwtIssuer": "https://issuer"}, True),
    ],
)
def test_no_stack_is_open_to_all_by_accident(
    translated: dict[str, Any], given: dict[str, str], is_refused: bool
) -> None:
    refusals = cloudformation.broken_rules(translated, given)
    assert bool(refusals) == is_refused
    if is_refused:
        assert "scripts/keys new" in refusals[0] or "JwtIssuer" in refusals[0]


def test_digests_are_checked_before_they_are_deployed(written: dict[str, Any]) -> None:
    pattern = written["Parameters"]["ApiKeySha256"]["AllowedPattern"]
    one, other = keys.digest("a"), keys.digest("b")
    for good in ("", one, f"{one},{other}"):
        assert re.fullmatch(pattern, good)
    for bad in ("icebox_key", f"{one},", f"{one} {other}", one[:-1]):
        assert not re.fullmatch(pattern, bad)


@pytest.mark.parametrize(
    ("given", "security"),
    [
        ({}, []),
        ({"Authorizer": "IAM"}, [{"AWS_IAM": []}]),
        (
            {"Authorizer": "JWT", "JwtIssuer": "https://issuer", "JwtAudience": "a,b"},
            [{"Jwt": []}],
        ),
    ],
)
def test_an_authorizer_stands_before_all_that_is_not_open(
    translated: dict[str, Any], given: dict[str, str], security: list[dict[str, Any]], app: App
) -> None:
    body = only(cloudformation.resources(translated, given), "AWS::ApiGatewayV2::Api")["Body"]
    schemes = body["components"]["securitySchemes"]
    assert {name for each in security for name in each} <= schemes.keys()
    assert schemes["AWS_IAM"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    paths = body["paths"]
    assert paths["$default"]["x-amazon-apigateway-any-method"]["security"] == security
    assert "security" not in paths["/{proxy+}"]["options"]  # a browser's preflight has no token
    open_paths = {
        path
        for path, methods in paths.items()
        if "security" not in methods.get("get", {"security": 1})
    }
    routes = app.module.gateway.routes.items()
    ours = {path for path, route in routes if route.is_open and "{" not in path}
    assert open_paths == ours - {"/hf/health"}
    for path in open_paths:
        assert "security" not in paths[path]["head"]
    if security == [{"Jwt": []}]:
        jwt = schemes["Jwt"]["x-amazon-apigateway-authorizer"]
        assert jwt["jwtConfiguration"] == {"issuer": "https://issuer", "audience": ["a", "b"]}


def test_the_api_is_throttled_and_logged_and_lets_browsers_in(
    expanded: Resources, written: dict[str, Any], translate: Translate
) -> None:
    stage = only(expanded, "AWS::ApiGatewayV2::Stage")
    # a new account runs ten requests at once: what is above gets 503 from Lambda, 429 from here
    assert written["Parameters"]["ThrottleBurst"]["Default"] <= 10
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    access = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"request_id", "status", "path"} <= access.keys()
    assert "sourceIp" not in stage["AccessLogSettings"]["Format"]
    cors = only(expanded, "AWS::ApiGatewayV2::Api")["Body"]["x-amazon-apigateway-cors"]
    assert set(cors["allowMethods"]) == {"GET", "POST", "OPTIONS"}
    assert set(cors["allowHeaders"]) >= SENT_BY_SCRIPTS
    assert "x-prediction-id" in cors["exposeHeaders"]  # or no other page's script could read it
    # SAM's own section for it would make one text of a list; CloudFormation makes a list of this
    given = translate(AllowedOrigins="https://a.example,https://b.example")["Resources"]["Api"]
    origins = given["Properties"]["Body"]["x-amazon-apigateway-cors"]["allowOrigins"]
    assert origins == cors["allowOrigins"] == {"Ref": "AllowedOrigins"}
    parameter = written["Parameters"]["AllowedOrigins"]
    assert parameter["Type"] == "CommaDelimitedList"
    local = {
        name.rpartition("-")[2]: value
        for name, value in {**PREFLIGHT_HEADERS, **CORS_HEADERS}.items()
    }
    assert local == {
        "Origin": parameter["Default"],
        "Methods": ",".join(cors["allowMethods"]),
        "Age": str(cors["maxAge"]),
        "Headers": ",".join(cors["exposeHeaders"]),
    }
    assert PREFLIGHT_HEADERS["Access-Control-Allow-Headers"] == ",".join(cors["allowHeaders"])


def test_logs_do_not_stay_for_ever(expanded: Resources) -> None:
    groups = of_type(expanded, "AWS::Logs::LogGroup")
    assert len(groups) == 3
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_outputs_say_where_to_call(written: dict[str, Any]) -> None:
    assert {"ApiUrl", "Try", "FunctionName", "PredictionBucketName"} <= written["Outputs"].keys()


def test_the_dockerfile_is_in_order() -> None:
    ran = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert (
        "RUN --mount" not in text and "# syntax=" not in text
    )  # plain `sam build` uses the legacy builder
    commands = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    missing = re.findall(r"\b(?:find|xargs|tar|gzip|unzip|which|apt-get)\b", commands)
    assert not missing, f"AWS's base image has no {missing[0]}"


def test_requirements_name_no_index() -> None:
    for path in (ROOT / "requirements").rglob("*.*"):
        assert "://" not in path.read_text(), path.name
