"""An SNS topic of the moto server, and what was published to it, by a queue that listens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True)
class Topic:
    """arn: of the topic."""

    arn: str
    _sqs: Any
    _queue: str

    def messages(self) -> list[dict[str, Any]]:
        """What came since the last look: Subject and Message, as a subscriber gets them."""
        found = []
        while answer := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for each in answer:
                found.append(json.loads(each["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=each["ReceiptHandle"])
        return found


def make_topic(endpoint: str, name: str) -> Topic:
    """A topic with a queue that is subscribed to it."""
    sns, sqs = (
        boto3.client(service, endpoint_url=endpoint, region_name="eu-central-1")
        for service in ("sns", "sqs")
    )
    arn = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])
    return Topic(arn, sqs, queue)
