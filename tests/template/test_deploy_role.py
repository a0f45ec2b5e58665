"""The role of GitHub's workflow may do what a deployment needs, on this stage's resources alone.

What CloudFormation calls for a type of resource is in AWS's own resource schemas ("handlers",
"permissions"), which cfn-lint brings; which actions know a resource, in its copy of AWS's service
authorization reference.
"""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import cfnlint
import pytest

from tests.support.needs import CHECKOV
from tests.support.paths import ROOT
from tests.template import cloudformation
from tests.template.conftest import Translate

ROLE = ROOT / "scripts" / "deploy-role.yaml"
DATA = Path(cfnlint.__file__).parent / "data"
ACCOUNT, REGION, STAGE = "123456789012", "eu-central-1", "dev"
HERE = f"{REGION}:{ACCOUNT}"
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
STACKS = f"arn:aws:cloudformation:{HERE}:stack"
KEY = f"arn:aws:kms:{HERE}:key/1234abcd-12ab-34cd-56ef-1234567890ab"

# Everything that a parameter can turn on.
EVERYTHING = {
    "ApiKeySha256": "0" * 64,
    "AlarmEmail": "someone@example.org",
    "CaptureRate": "0.1",
    "DailyBudget": "5",
    "EnableAlarms": "true",
    "EnableAthena": "true",
    "EnableMonitor": "true",
    "KmsKeyArn": KEY,
    "PredictionDelivery": "firehose",
    "ReadableBuckets": "elsewhere",
    "Rollout": "Canary10Percent5Minutes",
    "WarmSchedule": "rate(5 days)",
}

# The ARN of one resource of each type, as CloudFormation would name it in this stack.
NAME = f"icebox-{STAGE}-Thing-1A2B3C4D5E6F"
ARNS = {
    "AWS::ApiGatewayV2::Api": f"arn:aws:apigateway:{REGION}::/apis/a1b2c3d4e5",
    "AWS::ApiGatewayV2::Stage": f"arn:aws:apigateway:{REGION}::/apis/a1b2c3d4e5/stages/$default",
    "AWS::Athena::NamedQuery": f"arn:aws:athena:{HERE}:workgroup/icebox-{STAGE}",
    "AWS::Athena::WorkGroup": f"arn:aws:athena:{HERE}:workgroup/icebox-{STAGE}",
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{HERE}:alarm:{NAME}",
    "AWS::CloudWatch::Dashboard": f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/icebox-{STAGE}",
    "AWS::CodeDeploy::Application": f"arn:aws:codedeploy:{HERE}:application:{NAME}",
    "AWS::CodeDeploy::DeploymentGroup": (
        f"arn:aws:codedeploy:{HERE}:deploymentgroup:{NAME}/{NAME}"
    ),
    "AWS::ECR::Repository": (
        f"arn:aws:ecr:{HERE}:repository/icebox-{STAGE}-images-repository-1a2b3c"
    ),
    "AWS::Events::Rule": f"arn:aws:events:{HERE}:rule/{NAME}",
    "AWS::Glue::Database": f"arn:aws:glue:{HERE}:database/icebox_{STAGE}",
    "AWS::Glue::Table": f"arn:aws:glue:{HERE}:table/icebox_{STAGE}/predictions",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/icebox-{STAGE}-DetectRole-1A2B3C4D5E6F",
    "AWS::KinesisFirehose::DeliveryStream": (f"arn:aws:firehose:{HERE}:deliverystream/{NAME}"),
    "AWS::Lambda::Alias": f"arn:aws:lambda:{HERE}:function:{NAME}:live",
    "AWS::Lambda::EventInvokeConfig": f"arn:aws:lambda:{HERE}:function:{NAME}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:{NAME}",
    "AWS::Lambda::Permission": f"arn:aws:lambda:{HERE}:function:{NAME}",
    "AWS::Lambda::Version": f"arn:aws:lambda:{HERE}:function:{NAME}:7",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:/icebox/icebox-{STAGE}/function",
    "AWS::Logs::LogStream": (
        f"arn:aws:logs:{HERE}:log-group:/icebox/icebox-{STAGE}/record-stream:log-stream:x"
    ),
    "AWS::Logs::MetricFilter": (f"arn:aws:logs:{HERE}:log-group:/icebox/icebox-{STAGE}/function"),
    "AWS::S3::Bucket": f"arn:aws:s3:::icebox-{STAGE}-predictionbucket-1a2b3c4d5e6f",
    "AWS::S3::BucketPolicy": f"arn:aws:s3:::icebox-{STAGE}-predictionbucket-1a2b3c4d5e6f",
    "AWS::SNS::Subscription": f"arn:aws:sns:{HERE}:{NAME}",
    "AWS::SNS::Topic": f"arn:aws:sns:{HERE}:{NAME}",
    "AWS::SNS::TopicPolicy": f"arn:aws:sns:{HERE}:{NAME}",
    "AWS::SQS::QueuePolicy": f"arn:aws:sqs:{HERE}:{NAME}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{NAME}",
}

# What the handlers call of other services than their own.
OF_OTHERS = {
    "codedeploy": ARNS["AWS::CodeDeploy::DeploymentGroup"],
    "iam": ARNS["AWS::IAM::Role"],
    "kms": KEY,
    "s3": ARNS["AWS::S3::Bucket"],
}

# What the handlers may call for properties that no resource here has. First the service, or the
# action, then why.
NOT_USED = {
    "ec2:*": "no function is in a VPC",
    "elasticfilesystem:*": "no function mounts a file system",
    "s3files:*": "no function mounts a file system",
    "s3tables:*": "no bucket has metadata tables",
    "lakeformation:*": "where Lake Formation governs tables, its administrator grants them",
    "s3:REST.PUT.OBJECT": "no action, says AWS's reference; for logs in S3",
    "s3:*Abac*": "for buckets under attribute-based access",
    "s3:*Accelerate*": "no bucket has it",
    "s3:*Analytics*": "no bucket has it",
    "s3:*IntelligentTiering*": "no bucket has it",
    "s3:*Inventory*": "no bucket has it",
    "s3:*Logging*": "no bucket has it",
    "s3:*Metadata*": "no bucket has it",
    "s3:*MetricsConfiguration": "no bucket has it",
    "s3:*Notification*": "no bucket has it",
    "s3:*ObjectLock*": "no bucket has it",
    "s3:*Replication*": "no bucket has it",
    "s3:*Website*": "no bucket has it",
    "s3:*Acl": "buckets whose owner owns all objects have no ACLs",
    "s3:DeleteBucketCors": "no property is ever taken away from a bucket",
    "s3:DeleteBucketEncryption": "no property is ever taken away from a bucket",
    "s3:DeleteBucketLifecycle": "no property is ever taken away from a bucket",
    "s3:getObject": "the API's definition is in the template",
    "s3:GetObject": "images are in ECR; a workgroup's results are read by those who query",
    "s3:GetObjectVersion": "images are in ECR",
    "s3:PutObject": "tables are external; a workgroup's results are written by those who query",
    "s3:DeleteObject": "no bucket is emptied by the stack",
    "s3:*MultipartUpload*": "results of queries are written by those who query",
    "iam:*RolePolicyBoundary": "no role has a boundary",
    "iam:*PermissionsBoundary": "no role has a boundary",
    "iam:*achRolePolicy": "no role has a managed policy",
    "iam:CreateServiceLinkedRole": "for workgroups of Spark",
    "lambda:AssociateRuntimeAlias": "no preview runtime",
    "lambda:*CapacityProvider": "on-demand functions",
    "lambda:PutFunctionScalingConfig": "on-demand functions",
    "lambda:GetCodeSigningConfig": "images cannot be signed this way",
    "lambda:*FunctionCodeSigningConfig": "images cannot be signed this way",
    "lambda:GetLayerVersion": "images have no layers of Lambda's",
    "codedeploy:RegisterOnPremisesInstance": "Lambda only",
    "glue:*Connection": "tables of files in S3",
    "glue:GetSchemaVersion": "tables say their columns",
    "sns:PutDataProtectionPolicy": "messages have no personal data",
    "logs:*DataProtectionPolicy": "log lines have no personal data",
    "logs:PutBearerTokenAuthentication": "no log group takes data by HTTP",
    "logs:*IndexPolicy": "no log group has one",
    "logs:DeleteResourcePolicy": "access logs of other APIs need the policy, too",
    "logs:PutLogGroupDeletionProtection": "log groups go with the stack",
    "firehose:TagDeliveryStream": "of log groups that deliver to a stream",
    "kms:RevokeGrant": "AWS's own key encrypts the stream",
}

# What `sam deploy` calls before and around CloudFormation: samcli/lib/bootstrap and lib/deploy.
SAM_CALLS = {
    "cloudformation:CreateChangeSet": f"stack/icebox-{STAGE}/guid",
    "cloudformation:DescribeChangeSet": f"stack/icebox-{STAGE}/guid",
    "cloudformation:ExecuteChangeSet": f"stack/icebox-{STAGE}/guid",
    "cloudformation:DescribeStacks": "stack/aws-sam-cli-managed-default/guid",
    "cloudformation:GetTemplateSummary": f"stack/icebox-{STAGE}/guid",
}
# Those of `docker push` to ECR: docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
PUSH_CALLS = (
    "ecr:CompleteLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:InitiateLayerUpload",
    "ecr:BatchCheckLayerAvailability",
    "ecr:PutImage",
    "ecr:BatchGetImage",
)
# Operations whose permission has another name: docs.aws.amazon.com/service-authorization
PERMISSIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
}
# Tools of people, who have rights of their own.
OF_PEOPLE = {"buckets.py", "forget.py", "keys.py", "teardown.py"}


def _fill(value: Any, parameters: dict[str, str]) -> Any:
    """Intrinsic functions of the role's template, as CloudFormation resolves them."""
    if isinstance(value, list):
        filled = [_fill(each, parameters) for each in value]
        return [each for each in filled if each is not None]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return None if value["Ref"] == "AWS::NoValue" else parameters.get(value["Ref"], value)
    if set(value) == {"Fn::If"}:
        name, yes, no = value["Fn::If"]
        is_true = parameters["KmsKeyArn"] if name == "HasKey" else parameters["CreateProvider"]
        return _fill(yes if is_true in (KEY, "true") else no, parameters)
    if set(value) == {"Fn::Sub"}:
        text, names = value["Fn::Sub"], dict(parameters)
        if isinstance(text, list):
            text, more = text
            names["Name"] = names["Stage"].replace("-", "_")
            assert set(more) == {"Name"}
        return re.sub(r"\$\{([^}]+)\}", lambda match: names[match[1]], text)
    return {name: _fill(each, parameters) for name, each in value.items()}


def role_template(**changes: str) -> dict[str, Any]:
    parameters = {
        "Stage": STAGE,
        "Repository": "octocat@123456/icebox@456789",
        "CreateProvider": "true",
        "KmsKeyArn": KEY,
        "AWS::Partition": "aws",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
        "AWS::URLSuffix": "amazonaws.com",
        **changes,
    }
    filled: dict[str, Any] = _fill(cloudformation.load(ROLE)["Resources"], parameters)
    return filled


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def statements() -> list[dict[str, Any]]:
    return [
        statement
        for each in role_template().values()
        if each["Type"] == "AWS::IAM::ManagedPolicy"
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
    ]


def _fits(action: str, arn: str, statement: dict[str, Any]) -> bool:
    return any(
        fnmatch.fnmatchcase(action.lower(), each.lower()) for each in _listed(statement["Action"])
    ) and any(fnmatch.fnmatchcase(arn, each) for each in _listed(statement["Resource"]))


def is_allowed(action: str, arn: str) -> bool:
    found = [each for each in statements() if _fits(action, arn, each)]
    return bool(found) and all(each["Effect"] == "Allow" for each in found)


@cache
def reference(service: str) -> dict[str, Any]:
    path = DATA / "AdditionalSpecs" / "Policies.json"
    found: dict[str, Any] = json.loads(path.read_text())[service]
    return found


def needs_every_resource(action: str) -> bool:
    """Whether no narrower resource than * is known for an action."""
    service, _, name = action.partition(":")
    return not reference(service)["Actions"].get(name.lower(), {}).get("Resources")


def handler_permissions(kind: str) -> set[str]:
    """What CloudFormation calls to make, read, change and delete a resource of a type."""
    providers = json.loads((DATA / "schemas" / "providers" / f"{REGION}.json").read_text())
    schema = json.loads((DATA / "schemas" / "resources" / f"{providers[kind]}.json").read_text())
    return {
        permission
        for name, handler in schema["handlers"].items()
        if name != "list"
        for permission in handler.get("permissions", ())
    }


def is_used(action: str) -> bool:
    return not any(fnmatch.fnmatchcase(action, each) for each in NOT_USED)


def test_it_may_do_what_cloudformation_does_for_each_resource(translate: Translate) -> None:
    known = cloudformation.load()["Parameters"]
    made = translate(**{name: value for name, value in EVERYTHING.items() if name in known})
    images = cloudformation.load(ROOT / "scripts" / "image-repository.yaml")["Resources"]
    kinds = {each["Type"] for each in (*made["Resources"].values(), *images.values())}
    assert len(kinds) > 20
    refused = []
    for kind in sorted(kinds):
        for action in sorted(filter(is_used, handler_permissions(kind))):
            service = action.partition(":")[0]
            arn = ARNS[kind]
            if service != kind.split("::")[1].lower():
                arn = OF_OTHERS.get(service, arn)
            if service == "codedeploy" and "Config" in action:
                arn = f"arn:aws:codedeploy:{HERE}:deploymentconfig:CodeDeployDefault.LambdaCanary"
            elif needs_every_resource(action) and not is_allowed(action, arn):
                arn = "*"
            if not is_allowed(action, arn):
                refused.append((kind, action, arn))
    assert not refused, refused


def test_no_role_of_the_stack_needs_what_is_left_out(translate: Translate) -> None:
    known = cloudformation.load()["Parameters"]
    made = translate(**{name: value for name, value in EVERYTHING.items() if name in known})
    for each in made["Resources"].values():
        properties = each.get("Properties", {})
        assert not properties.keys() & {
            "ManagedPolicyArns", "PermissionsBoundary", "VpcConfig", "FileSystemConfigs",
            "WebsiteConfiguration", "ReplicationConfiguration", "NotificationConfiguration",
            "ObjectLockConfiguration", "LoggingConfiguration", "AccelerateConfiguration",
            "DataProtectionPolicy", "CodeSigningConfigArn", "Layers", "RoleName",
        }  # fmt: skip


def test_it_may_pass_every_role_to_the_service_that_takes_it(translate: Translate) -> None:
    known = cloudformation.load()["Parameters"]
    made = translate(**{name: value for name, value in EVERYTHING.items() if name in known})
    (statement,) = [each for each in statements() if each["Sid"] == "PassThoseRoles"]
    services = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    roles = {n: each for n, each in made["Resources"].items() if each["Type"] == "AWS::IAM::Role"}
    assert len(roles) >= 5
    for name, role in roles.items():
        # CloudFormation's name of it: stack, logical id, and twelve letters and digits
        assert is_allowed("iam:PassRole", f"{ROLES}/icebox-{STAGE}-{name}-1A2B3C4D5E6F"), name
        for trust in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            service = trust["Principal"]["Service"]
            if isinstance(service, dict):  # another name of it in China
                service = service["Fn::If"][2]
            assert service in services, name


def _calls(path: Path) -> Iterator[str]:
    """Permissions of the AWS operations that a module calls, by the clients it makes."""
    text = path.read_text()
    names = set(re.findall(r"\.([a-z_0-9]+)\(", text))
    names |= set(re.findall(r"get_(?:paginator|waiter)\(\s*\"([a-z_0-9]+)\"", text))
    for service in set(re.findall(r"boto3\.client\(\s*\"([a-z0-9-]+)\"", text)):
        client = boto3.client(service, region_name=REGION)
        prefix = service
        for name, operation in client.meta.method_to_api_mapping.items():
            if name in names:
                yield PERMISSIONS.get(f"{prefix}:{operation}", f"{prefix}:{operation}")


def test_it_may_do_what_the_scripts_call() -> None:
    folder = ROOT / "scripts" / "deployment"
    needed = {
        action
        for path in sorted(folder.rglob("*.py"))
        if path.name not in OF_PEOPLE
        for action in _calls(path)
        if not action.startswith("sts:GetCallerIdentity")  # needs no permission
    }
    assert {"cloudformation:DescribeStacks", "lambda:InvokeFunction"} <= needed
    candidates = [
        *ARNS.values(), "*",
        f"{STACKS}/icebox-{STAGE}/guid",
        f"{ARNS['AWS::S3::Bucket']}/releases/000001/release.json",
    ]  # fmt: skip
    assert [
        each for each in sorted(needed) if not any(is_allowed(each, arn) for arn in candidates)
    ] == []


def test_it_may_do_what_sam_and_docker_call() -> None:
    for action, name in SAM_CALLS.items():
        assert is_allowed(action, f"arn:aws:cloudformation:{HERE}:{name}"), action
    transform = f"arn:aws:cloudformation:{REGION}:aws:transform/Serverless-2016-10-31"
    assert is_allowed("cloudformation:CreateChangeSet", transform)
    for action in PUSH_CALLS:
        assert is_allowed(action, ARNS["AWS::ECR::Repository"]), action
    assert is_allowed("ecr:GetAuthorizationToken", "*")
    bucket = "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1a2b"
    assert is_allowed("s3:CreateBucket", bucket) and is_allowed("s3:PutObject", f"{bucket}/x")
    # docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    for name in (
        "CreateLogDelivery", "PutResourcePolicy", "UpdateLogDelivery", "DeleteLogDelivery",
        "DescribeResourcePolicies", "GetLogDelivery", "ListLogDeliveries", "DescribeLogGroups",
    ):  # fmt: skip
        assert is_allowed(f"logs:{name}", "*"), name


@pytest.mark.parametrize(
    ("action", "arn"),
    [
        ("cloudformation:UpdateStack", f"{STACKS}/icebox-prod/g"),
        ("cloudformation:UpdateStack", f"{STACKS}/other/g"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{HERE}:function:icebox-prod-X-1"),
        ("s3:GetObject", f"{ARNS['AWS::S3::Bucket']}/predictions/model=x/1.json.gz"),
        ("s3:GetObject", f"{ARNS['AWS::S3::Bucket']}/captures/x.jpg"),
        ("s3:PutObject", "arn:aws:s3:::icebox-prod-predictionbucket-1/releases/1/release.json"),
        ("s3:DeleteObjectVersion", f"{ARNS['AWS::S3::Bucket']}/releases/1/release.json"),
        ("iam:CreateUser", "*"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/icebox-{STAGE}-X"),
        ("iam:AttachRolePolicy", ARNS["AWS::IAM::Role"]),
        ("iam:PassRole", f"{ROLES}/Admin"),
        ("iam:PutRolePolicy", f"{ROLES}/icebox-{STAGE}-deploy-role-DeployRole-1A"),
        ("iam:UpdateAssumeRolePolicy", f"{ROLES}/icebox-{STAGE}-ci-DeployRole-1A"),
        ("iam:PutRolePolicy", f"{ROLES}/icebox-prod-DetectRole-1A"),
        ("logs:GetLogEvents", f"{ARNS['AWS::Logs::LogGroup']}:log-stream:x"),
        ("sts:AssumeRole", "*"),
    ],
)  # fmt: skip
def test_it_may_not(action: str, arn: str) -> None:
    assert not is_allowed(action, arn)


def test_every_action_is_one_and_none_is_all_of_a_service() -> None:
    unknown, wide = [], []
    for statement in statements():
        for action in _listed(statement["Action"]):
            service, _, name = action.partition(":")
            if statement["Effect"] == "Allow" and name.startswith("*"):
                wide.append(action)
            known = reference(service)["Actions"]
            if not any(fnmatch.fnmatchcase(each, name.lower()) for each in known):
                unknown.append(action)
        if "*" in _listed(statement["Resource"]):
            # Only where AWS knows no narrower resource, or its documentation asks for all.
            narrow = [
                action
                for action in _listed(statement["Action"])
                if not needs_every_resource(action) and statement["Sid"] != "AccessLogs"
            ]
            wide += narrow
    # The linter's list lacks these two, and AWS's schema of AWS::ApiGatewayV2::Stage has them.
    assert set(unknown) <= {"apigateway:TagResource", "apigateway:UntagResource"}
    assert wide == []


def test_policies_are_short_enough_for_iam() -> None:
    for name, each in role_template().items():
        if each["Type"] == "AWS::IAM::ManagedPolicy":
            # "IAM doesn't count white space": docs.aws.amazon.com/IAM/latest/UserGuide, quotas
            text = json.dumps(each["Properties"]["PolicyDocument"], separators=(",", ":"))
            assert len(text) <= 6144, f"{name}: {len(text)}"


def test_only_jobs_of_the_environment_may_take_it() -> None:
    (role,) = [each for each in role_template().values() if each["Type"] == "AWS::IAM::Role"]
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": (
                "repo:octocat@123456/icebox@456789:environment:dev"
            ),
        }
    }
    pattern = cloudformation.load(ROLE)["Parameters"]["Repository"]["AllowedPattern"]
    for good in ("octocat/icebox", "octocat@123456/icebox@456789", "o-1/my.repo_x"):
        assert re.fullmatch(pattern, good)
    for bad in ("octocat/*", "*", "octocat", "octocat/icebox:ref", "octocat/ice box", "a/b/c"):
        assert not re.fullmatch(pattern, bad)


@pytest.mark.needs_checkov
def test_checkov_finds_nothing(tmp_path: Path) -> None:
    """With names in place, which hide nothing behind a function."""
    path = tmp_path / "role.json"
    resources = role_template()
    for each in resources.values():
        each.pop("Condition", None)
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    command = [CHECKOV, "--file", path, "--framework", "cloudformation", "--output", "json"]
    ran = subprocess.run(
        [*command, "--skip-download", "--compact"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    report = json.loads(ran.stdout)["results"]
    assert [(each["check_id"], each["resource"]) for each in report["failed_checks"]] == []
    assert len(report["passed_checks"]) > 10 and not report["skipped_checks"]
