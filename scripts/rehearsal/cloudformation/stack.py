"""A stack: its template, its resources as they are, its events and change sets."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.rehearsal.account import arn
from scripts.rehearsal.cloudformation.document import Template

REVIEW = "REVIEW_IN_PROGRESS"
DELETED = "DELETE_COMPLETE"


@dataclass(frozen=True)
class Resource:
    """A resource as it was made. definition: of the template, with its policies."""

    logical_id: str
    kind: str
    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any]
    definition: dict[str, Any]
    status: str
    time: datetime
    reason: str | None = None


@dataclass(frozen=True)
class Source:
    """What a stack is made from. body: as it was sent; template: expanded; texts: parameters."""

    body: str
    template: Template
    texts: dict[str, str]
    tags: tuple[tuple[str, str], ...] = ()
    capabilities: tuple[str, ...] = ()


EMPTY = Source("", {"Resources": {}}, {})


@dataclass(frozen=True)
class Event:
    id: str
    time: datetime
    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str | None


@dataclass
class ChangeSet:
    name: str
    id: str
    source: Source
    is_new: bool
    changes: list[dict[str, Any]]
    status: str
    reason: str | None
    execution: str = "AVAILABLE"
    description: str = ""
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Stack:
    name: str
    id: str
    source: Source = EMPTY
    status: str = REVIEW
    reason: str | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)  # the newest last
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    is_cancelled: bool = False
    worker: threading.Thread | None = None

    @property
    def in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != REVIEW

    def say(
        self,
        status: str,
        reason: str | None = None,
        resource: Resource | None = None,
    ) -> None:
        """An event, of a resource or of the stack itself, whose status it becomes."""
        time = datetime.now(UTC)
        if self.events and time <= self.events[-1].time:  # SAM tells events apart by their times
            time = self.events[-1].time + timedelta(milliseconds=1)
        if resource is None:
            of = (self.name, self.id, "AWS::CloudFormation::Stack")
        else:
            of = (resource.logical_id, resource.physical_id, resource.kind)
        self.events.append(Event(str(uuid.uuid4()), time, *of, status, reason))
        if resource is None:
            self.status, self.reason = status, reason


def new_stack(name: str, region: str) -> Stack:
    return Stack(name, arn("cloudformation", region, f"stack/{name}/{uuid.uuid4()}"))
