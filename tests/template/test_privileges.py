"""What each role of the stack may do, with everything switched on: this and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.template import cloudformation
from tests.template.cloudformation import Resources, of_type
from tests.template.conftest import IMAGE, Translate
from tests.template.policies import allowed, statements

PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
EVERYTHING = {
    "EnableMonitor": "true",
    "EnableAthena": "true",
    "PredictionDelivery": "firehose",
    "Rollout": "Canary10Percent5Minutes",
    "CaptureRate": "0.1",
    "ReadableBuckets": "yours",
    "WarmSchedule": "rate(1 day)",
    "AlarmEmail": "lab@example.org",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d",
}
KEY = EVERYTHING["KmsKeyArn"]
HERE = "${AWS::Region}:${AWS::AccountId}"
MAY: dict[str, dict[str, set[str]]] = {
    "DetectRole": {
        "logs:CreateLogStream": {"FunctionLogGroup"},
        "logs:PutLogEvents": {"FunctionLogGroup"},
        "s3:PutObject": {
            "PredictionBucket/predictions/*",
            "PredictionBucket/captures/*",
            "PredictionBucket/feedback/*",
            "UploadBucket/gradio/*",
            "UploadBucket/uploads/*",
        },
        "s3:GetObject": {
            "PredictionBucket/predictions/*",
            "UploadBucket/gradio/*",
            "UploadBucket/uploads/*",
            "arn:aws:s3:::yours/*",
        },
        "s3:DeleteObject": {"UploadBucket/gradio/*"},
        "s3:ListBucket": {"PredictionBucket", "UploadBucket", "arn:aws:s3:::yours"},
        "firehose:PutRecordBatch": {"RecordStream"},
        "kms:Decrypt": {KEY},
        "kms:GenerateDataKey": {KEY},
    },
    "CanaryRole": {
        "logs:CreateLogStream": {"CanaryLogGroup"},
        "logs:PutLogEvents": {"CanaryLogGroup"},
        "lambda:InvokeFunction": {"DetectFunction:*"},
        "lambda:GetAlias": {"DetectFunction", "DetectFunction:live"},
        "lambda:GetFunctionConfiguration": {"DetectFunction", "DetectFunction:*"},
        **{
            f"codedeploy:{action}": {
                f"arn:${{AWS::Partition}}:codedeploy:{HERE}:deploymentgroup:"
                "${AWS::StackName}-ServerlessDeploymentApplication-*/*"
            }
            for action in ("GetDeployment", "PutLifecycleEventHookExecutionStatus")
        },
        "s3:ListBucket": {"PredictionBucket"},
        "s3:GetObject": {
            "PredictionBucket/predictions/*",
            "PredictionBucket/captures/*",
            "PredictionBucket/compacted/*",
        },
        "sns:Publish": {"AlarmTopic"},
        "sqs:SendMessage": {"FailedEvents"},
        "kms:Decrypt": {KEY},
        "kms:GenerateDataKey": {KEY},
    },
    "RolloutRole": {
        "lambda:GetAlias": {"DetectFunction", "DetectFunction:*"},
        "lambda:UpdateAlias": {"DetectFunction", "DetectFunction:*"},
        "lambda:GetProvisionedConcurrencyConfig": {"DetectFunction", "DetectFunction:*"},
        "lambda:InvokeFunction": {"CanaryFunction"},
        "cloudwatch:DescribeAlarms": {"*"},
    },
    "MonitorRole": {
        "logs:CreateLogStream": {"MonitorLogGroup"},
        "logs:PutLogEvents": {"MonitorLogGroup"},
        "s3:ListBucket": {"PredictionBucket"},
        "s3:GetObject": {
            f"PredictionBucket/{prefix}/*"
            for prefix in (
                *("predictions", "compacted", "feedback"),
                *("captures", "reports", "references"),
            )
        },
        "s3:PutObject": {"PredictionBucket/compacted/*", "PredictionBucket/reports/*"},
        "s3:DeleteObject": {"PredictionBucket/predictions/*", "PredictionBucket/compacted/*"},
        "sns:Publish": {"AlarmTopic"},
        "sqs:SendMessage": {"FailedEvents"},
        "kms:Decrypt": {KEY},
        "kms:GenerateDataKey": {KEY},
    },
    "RecordStreamRole": {
        "s3:PutObject": {"PredictionBucket/compacted/*", "PredictionBucket/firehose-errors/*"},
        "s3:AbortMultipartUpload": {
            "PredictionBucket/compacted/*",
            "PredictionBucket/firehose-errors/*",
        },
        "s3:GetBucketLocation": {"PredictionBucket"},
        "s3:ListBucket": {"PredictionBucket"},
        "s3:ListBucketMultipartUploads": {"PredictionBucket"},
        **{
            f"glue:{action}": {
                f"arn:${{AWS::Partition}}:glue:{HERE}:catalog",
                f"arn:${{AWS::Partition}}:glue:{HERE}:database/${{RecordsDatabase}}",
                f"arn:${{AWS::Partition}}:glue:{HERE}:table/${{RecordsDatabase}}/${{CompactedTable}}",
            }
            for action in ("GetTable", "GetTableVersion", "GetTableVersions")
        },
        "logs:PutLogEvents": {"RecordStreamLogGroup"},
        "kms:Decrypt": {KEY},
        "kms:GenerateDataKey": {KEY},
    },
}
# Actions that AWS gives no narrower resource than the account.
WITHOUT_RESOURCES = {"cloudwatch:DescribeAlarms"}


@pytest.fixture(scope="module")
def everything(translate: Translate) -> Resources:
    return cloudformation.resources(translate(**EVERYTHING), EVERYTHING)


def named(resource: Any) -> str:
    """A resource of a policy as text: the ARN of one of the stack's by its logical name."""
    if isinstance(resource, str):
        return resource
    [(function, argument)] = resource.items()
    if function == "Fn::GetAtt":
        return str(argument).removesuffix(".Arn")
    if function == "Ref":
        return str(argument)
    assert function == "Fn::Sub"
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", argument)


def test_each_role_may_do_what_it_needs_and_no_more(everything: Resources) -> None:
    roles = of_type(everything, "AWS::IAM::Role")
    found = {
        name: {action: set(map(named, where)) for action, where in allowed(role).items()}
        for name, role in roles.items()
    }
    assert found == MAY


def test_only_what_has_no_resources_is_allowed_everywhere(everything: Resources) -> None:
    everywhere = {
        action
        for role in of_type(everything, "AWS::IAM::Role").values()
        for action, where in allowed(role).items()
        if "*" in map(named, where)
    }
    assert everywhere == WITHOUT_RESOURCES
    actions = {action for may in MAY.values() for action in may}
    assert not [action for action in actions if "*" in action]


def test_each_function_has_a_role_of_its_own(everything: Resources) -> None:
    functions = of_type(everything, "AWS::Lambda::Function")
    roles = {name: function["Role"]["Fn::GetAtt"] for name, function in functions.items()}
    assert roles == {
        "DetectFunction": "DetectRole.Arn",
        "MonitorFunction": "MonitorRole.Arn",
        "CanaryFunction": "CanaryRole.Arn",
    }


def test_a_role_uses_the_key_by_way_of_services_only(everything: Resources) -> None:
    for name, role in of_type(everything, "AWS::IAM::Role").items():
        for statement in statements(role):
            if "kms:Decrypt" in statement["Action"]:
                via = statement["Condition"]["StringEquals"]["kms:ViaService"]
                services = [named(each).split(".")[0] for each in via]
                unasked = name in ("MonitorRole", "CanaryRole")
                assert services == (["s3", "sns", "sqs"] if unasked else ["s3"])


def test_without_a_key_there_is_none(translate: Translate) -> None:
    given = {**EVERYTHING, "KmsKeyArn": ""}
    made = cloudformation.resources(translate(**given), given)
    assert "kms" not in str(made).lower().replace("kmskeyarn", "")
    for bucket in of_type(made, "AWS::S3::Bucket").values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    [queue] = of_type(made, "AWS::SQS::Queue").values()
    assert queue["SqsManagedSseEnabled"] is True


def test_the_key_encrypts_whatever_is_kept(everything: Resources) -> None:
    for bucket in of_type(everything, "AWS::S3::Bucket").values():
        [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = rule["ServerSideEncryptionByDefault"]
        assert default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
        assert rule["BucketKeyEnabled"] is True
    groups = of_type(everything, "AWS::Logs::LogGroup").values()
    assert len(groups) == 5 and {group["KmsKeyId"] for group in groups} == {KEY}
    for kind in ("AWS::SNS::Topic", "AWS::SQS::Queue"):
        [kept] = of_type(everything, kind).values()
        assert kept["KmsMasterKeyId"] == KEY
    [group] = of_type(everything, "AWS::Athena::WorkGroup").values()
    encryption = group["WorkGroupConfiguration"]["ResultConfiguration"]["EncryptionConfiguration"]
    assert encryption == {"EncryptionOption": "SSE_KMS", "KmsKey": KEY}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_no_arn_is_of_another_partition(translate: Translate, partition: str) -> None:
    given = {**EVERYTHING, "KmsKeyArn": KEY.replace("arn:aws:", f"arn:{partition}:")}
    made = cloudformation.resources(translate(**given), given, {"AWS::Partition": partition})
    arns = re.findall(r"arn:(\$\{AWS::Partition\}|[^:]*):", str(made))
    assert set(arns) <= {partition, "${AWS::Partition}"}
    hosts = re.findall(r"[\w.${}:-]+\.amazonaws\.com\b[\w.]*", str(made).replace(IMAGE, ""))
    # services' names in policies, which are the same everywhere
    assert set(hosts) <= {
        f"{service}.amazonaws.com"
        for service in (
            *("lambda", "apigateway", "events", "cloudwatch"),
            *("firehose", "codedeploy"),
        )
    }
    trusted = str(made["RolloutRole"]["Properties"]["AssumeRolePolicyDocument"])
    assert ("codedeploy.amazonaws.com" in trusted) == (partition != "aws-cn")


def test_whoever_calls_the_functions_is_named(everything: Resources) -> None:
    callers = {
        (permission["Principal"], named(permission["FunctionName"]), named(permission["SourceArn"]))
        for permission in of_type(everything, "AWS::Lambda::Permission").values()
    }
    api = f"arn:${{AWS::Partition}}:execute-api:{HERE}:${{Api}}/*"
    monitor = next(name for name in everything if name.startswith("MonitorFunctionSchedule"))
    assert {
        (who, what, where.replace(f"['{monitor}', 'Arn']", "rule")) for who, what, where in callers
    } == {
        ("apigateway.amazonaws.com", "DetectFunctionAliaslive", api),
        ("events.amazonaws.com", "DetectFunctionAliaslive", "WarmRule"),
        ("events.amazonaws.com", "MonitorFunction", "rule"),
        ("events.amazonaws.com", "CanaryFunction", "CanarySchedule"),
    }


def test_deleting_the_stack_leaves_nothing_that_stands_in_the_way(everything: Resources) -> None:
    kept = {
        name
        for name, each in everything.items()
        if each.get("DeletionPolicy", "Delete").startswith("Retain")
    }
    versions = of_type(everything, "AWS::Lambda::Version")
    # versions go with their function; a bucket has a name that is its own
    assert kept - versions.keys() == {
        *("PredictionBucket", "PredictionBucketPolicy"),
        *("UploadBucket", "UploadBucketPolicy"),
    }
    for name in ("PredictionBucket", "UploadBucket"):
        assert "BucketName" not in everything[name]["Properties"]
    # What has a name that the next stack wants again goes with the stack.
    fixed = ("LogGroupName", "Name", "QueueName", "TopicName", "FunctionName", "RoleName")
    for name, each in everything.items():
        if name not in kept and any(isinstance(each["Properties"].get(key), dict) for key in fixed):
            assert each.get("DeletionPolicy", "Delete") == "Delete", name
    assert everything["QueryWorkGroup"]["Properties"]["RecursiveDeleteOption"] is True


def test_a_first_deployment_that_fails_leaves_nothing(everything: Resources) -> None:
    policies = {
        name: each["DeletionPolicy"]
        for name, each in everything.items()
        if "DeletionPolicy" in each and each["Type"] != "AWS::Lambda::Version"
    }
    assert set(policies.values()) == {"Delete", "RetainExceptOnCreate"}


def test_a_health_call_keeps_the_function_active(everything: Resources) -> None:
    rule = everything["WarmRule"]["Properties"]
    assert rule["ScheduleExpression"] == "rate(1 day)"
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Ref": "DetectFunctionAliaslive"}


def test_queue_and_topic_refuse_plain_http(everything: Resources) -> None:
    for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        [policy] = of_type(everything, kind).values()
        denied = [
            each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"
        ]
        assert [each["Condition"] for each in denied] == [
            {"Bool": {"aws:SecureTransport": "false"}}
        ]


def test_what_a_schedule_starts_and_fails_is_kept(everything: Resources) -> None:
    for function in ("MonitorFunction", "CanaryFunction"):
        config = everything[f"{function}EventInvokeConfig"]["Properties"]
        assert config["DestinationConfig"]["OnFailure"]["Destination"] == {
            "Fn::GetAtt": "FailedEvents.Arn"
        }
