"""What watches a stack: log groups, metric filters, alarms, dashboards, topics, scheduled rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from scripts.rehearsal.account import UnknownError, arn
from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made, Properties, is_true
from scripts.rehearsal.cloudformation.stack import Resource


class LogGroup:
    def __init__(self, logs: Any, region: str) -> None:
        self._logs = logs
        self._region = region

    def create(self, call: Call) -> Made:
        name = call.name("LogGroupName", 512)
        key = {"kmsKeyId": call.properties["KmsKeyId"]} if "KmsKeyId" in call.properties else {}
        self._logs.create_log_group(logGroupName=name, **key)
        return self._retain(name, call.properties)

    def update(self, call: Call, old: Resource) -> Made:
        return self._retain(old.physical_id, call.properties)

    def delete(self, resource: Resource) -> None:
        self._logs.delete_log_group(logGroupName=resource.physical_id)

    def _retain(self, name: str, given: Properties) -> Made:
        if "RetentionInDays" in given:
            days = int(given["RetentionInDays"])
            self._logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        return Made(name, {"Arn": arn("logs", self._region, f"log-group:{name}:*")})


class MetricFilter:
    def __init__(self, logs: Any) -> None:
        self._logs = logs

    def create(self, call: Call) -> Made:
        given = call.properties
        name = call.name("FilterName", 512)
        self._put(name, given)
        return Made(name)

    def update(self, call: Call, old: Resource) -> Made:
        self._put(old.physical_id, call.properties)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        self._logs.delete_metric_filter(
            logGroupName=resource.properties["LogGroupName"], filterName=resource.physical_id
        )

    def _put(self, name: str, given: Properties) -> None:
        transformations = [
            {
                _lower(key): [*value] if isinstance(value, list) else value
                for key, value in each.items()
                if key in ("MetricName", "MetricNamespace", "MetricValue", "Unit")
            }
            for each in given["MetricTransformations"]
        ]
        self._logs.put_metric_filter(
            logGroupName=given["LogGroupName"],
            filterName=name,
            filterPattern=given["FilterPattern"],
            metricTransformations=transformations,
        )


class Alarm:
    """CloudWatch's alarms. Whether one rings is decided in scripts.rehearsal.alarms.

    put: PutMetricAlarm or PutCompositeAlarm."""

    def __init__(self, cloudwatch: Any, put: Callable[..., Any], region: str) -> None:
        self._cloudwatch = cloudwatch
        self._put_alarm = put
        self._region = region

    def create(self, call: Call) -> Made:
        return self._put(call.name("AlarmName", 255), call.properties)

    def update(self, call: Call, old: Resource) -> Made:
        return self._put(old.physical_id, call.properties)

    def delete(self, resource: Resource) -> None:
        self._cloudwatch.delete_alarms(AlarmNames=[resource.physical_id])

    def _put(self, name: str, given: Properties) -> Made:
        kept: dict[str, Any] = _numbers(
            {key: value for key, value in given.items() if key not in ("Tags", "AlarmName")}
        )
        if "ActionsEnabled" in kept:
            kept["ActionsEnabled"] = is_true(kept["ActionsEnabled"])
        self._put_alarm(AlarmName=name, **kept)
        return Made(name, {"Arn": arn("cloudwatch", self._region, f"alarm:{name}")})


class Dashboard:
    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def create(self, call: Call) -> Made:
        name = call.name("DashboardName", 255)
        self._put(name, call.properties)
        return Made(name)

    def update(self, call: Call, old: Resource) -> Made:
        self._put(old.physical_id, call.properties)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        self._cloudwatch.delete_dashboards(DashboardNames=[resource.physical_id])

    def _put(self, name: str, given: Properties) -> None:
        body = given["DashboardBody"]
        json.loads(body)  # CloudWatch refuses what is no JSON
        self._cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body)


class Topic:
    def __init__(self, sns: Any) -> None:
        self._sns = sns

    def create(self, call: Call) -> Made:
        name = call.name("TopicName", 256)
        topic = self._sns.create_topic(Name=name)["TopicArn"]
        self._set(topic, call.properties)
        return Made(topic, {"TopicArn": topic, "TopicName": name})

    def update(self, call: Call, old: Resource) -> Made:
        self._set(old.physical_id, call.properties)
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        self._sns.delete_topic(TopicArn=resource.physical_id)

    def _set(self, topic: str, given: Properties) -> None:
        if extra := given.keys() - {"TopicName", "DisplayName", "KmsMasterKeyId", "Tags"}:
            raise UnknownError(f"a topic's {', '.join(sorted(extra))}")
        for name in ("DisplayName", "KmsMasterKeyId"):
            if name in given:
                self._sns.set_topic_attributes(
                    TopicArn=topic, AttributeName=name, AttributeValue=given[name]
                )


class TopicPolicy:
    def __init__(self, sns: Any) -> None:
        self._sns = sns

    def create(self, call: Call) -> Made:
        for topic in call.properties["Topics"]:
            self._sns.set_topic_attributes(
                TopicArn=topic,
                AttributeName="Policy",
                AttributeValue=json.dumps(call.properties["PolicyDocument"]),
            )
        return Made(call.name("", 256))

    def update(self, call: Call, old: Resource) -> Made:
        self.create(call)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        """Nothing: the topic goes with its policy, as all do that have one here."""


class Subscription:
    def __init__(self, sns: Any) -> None:
        self._sns = sns

    def create(self, call: Call) -> Made:
        given = call.properties
        made = self._sns.subscribe(
            TopicArn=given["TopicArn"],
            Protocol=given["Protocol"],
            Endpoint=given["Endpoint"],
            ReturnSubscriptionArn=True,
        )
        return Made(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})

    def update(self, call: Call, old: Resource) -> Made:
        self.delete(old)
        return self.create(call)

    def delete(self, resource: Resource) -> None:
        self._sns.unsubscribe(SubscriptionArn=resource.physical_id)


class Rule:
    """EventBridge's rules. Whether one fires is decided in scripts.rehearsal.schedule."""

    def __init__(self, events: Any, region: str) -> None:
        self._events = events
        self._region = region

    def create(self, call: Call) -> Made:
        return self._put(call.name("Name"), call.properties)

    def update(self, call: Call, old: Resource) -> Made:
        self._remove_targets(old.physical_id)
        return self._put(old.physical_id, call.properties)

    def delete(self, resource: Resource) -> None:
        self._remove_targets(resource.physical_id)
        self._events.delete_rule(Name=resource.physical_id)

    def _put(self, name: str, given: Properties) -> Made:
        if "ScheduleExpression" not in given:
            raise UnknownError("rules of EventBridge without a ScheduleExpression")
        self._events.put_rule(
            Name=name,
            ScheduleExpression=given["ScheduleExpression"],
            State=given.get("State", "ENABLED"),
            Description=given.get("Description", ""),
        )
        targets = [
            {key: target[key] for key in ("Id", "Arn", "Input", "RoleArn") if key in target}
            for target in given.get("Targets") or ()
        ]
        if targets:
            self._events.put_targets(Rule=name, Targets=targets)
        return Made(name, {"Arn": arn("events", self._region, f"rule/{name}")})

    def _remove_targets(self, name: str) -> None:
        found = [each["Id"] for each in self._events.list_targets_by_rule(Rule=name)["Targets"]]
        if found:
            self._events.remove_targets(Rule=name, Ids=found)


class Queue:
    def __init__(self, sqs: Any, region: str) -> None:
        self._sqs = sqs
        self._region = region

    def create(self, call: Call) -> Made:
        name = call.name("QueueName", 80)
        url = self._sqs.create_queue(QueueName=name, Attributes=self._attributes(call))["QueueUrl"]
        said = {"Arn": arn("sqs", self._region, name), "QueueName": name, "QueueUrl": url}
        return Made(url, said)

    def update(self, call: Call, old: Resource) -> Made:
        self._sqs.set_queue_attributes(QueueUrl=old.physical_id, Attributes=self._attributes(call))
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        self._sqs.delete_queue(QueueUrl=resource.physical_id)

    def _attributes(self, call: Call) -> dict[str, str]:
        return {
            key: _text(value)
            for key, value in call.properties.items()
            if key not in ("Tags", "QueueName")
        }


class QueuePolicy:
    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs

    def create(self, call: Call) -> Made:
        policy = json.dumps(call.properties["PolicyDocument"])
        for url in call.properties["Queues"]:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return Made(call.name("", 80))

    def update(self, call: Call, old: Resource) -> Made:
        self.create(call)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        """Nothing: the queue goes with its policy, as all do that have one here."""


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


_WHOLE = ("Period", "EvaluationPeriods", "DatapointsToAlarm")


def _numbers(value: Any) -> Any:
    """An alarm's numbers, which parameters give as texts."""
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: int(each)
        if key in _WHOLE
        else float(each)
        if key == "Threshold"
        else is_true(each)
        if key == "ReturnData"
        else _numbers(each)
        for key, each in value.items()
    }


def kinds(client: Callable[[str], Any], region: str) -> dict[str, Kind]:
    """client: makes a boto3 client of a service."""
    logs, cloudwatch, sns = client("logs"), client("cloudwatch"), client("sns")
    sqs = client("sqs")
    return {
        "AWS::Logs::LogGroup": LogGroup(logs, region),
        "AWS::Logs::MetricFilter": MetricFilter(logs),
        "AWS::CloudWatch::Alarm": Alarm(cloudwatch, cloudwatch.put_metric_alarm, region),
        "AWS::CloudWatch::CompositeAlarm": Alarm(
            cloudwatch, cloudwatch.put_composite_alarm, region
        ),
        "AWS::CloudWatch::Dashboard": Dashboard(cloudwatch),
        "AWS::SNS::Topic": Topic(sns),
        "AWS::SNS::TopicPolicy": TopicPolicy(sns),
        "AWS::SNS::Subscription": Subscription(sns),
        "AWS::SQS::Queue": Queue(sqs, region),
        "AWS::SQS::QueuePolicy": QueuePolicy(sqs),
        "AWS::Events::Rule": Rule(client("events"), region),
    }
