"""Scheduled rules: those that are due at the end of a minute invoke their targets.

They fire while a deployment moves requests, once a minute of the stand-in's clock. A rule with a
cron expression never fires here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scripts.rehearsal.account import ACCOUNT, AwsError
from scripts.rehearsal.functions import Functions

RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
MINUTES = {"minute": 1, "hour": 60, "day": 1440}


class Schedules:
    def __init__(self, functions: Functions, events: Callable[[], Any], region: str) -> None:
        self._functions = functions
        self._events = events
        self._region = region
        self._minute = 0

    def pass_minutes(self, count: int) -> None:
        """Minutes that have passed; invokes what is due, one after the other."""
        for _ in range(count):
            self._minute += 1
            for rule in self._events().list_rules()["Rules"]:
                if rule.get("State") == "ENABLED" and self._is_due(rule["ScheduleExpression"]):
                    self._fire(rule)

    def _is_due(self, expression: str) -> bool:
        found = RATE.fullmatch(expression)
        if not found:
            return False
        return self._minute % (int(found[1]) * MINUTES[found[2]]) == 0

    def _fire(self, rule: dict[str, Any]) -> None:
        event = {
            "version": "0",
            "id": f"{rule['Name']}-{self._minute}",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": [rule["Arn"]],
            "detail": {},
        }
        for target in self._events().list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            payload = target.get("Input") or json.dumps(event)
            try:
                name, qualifier = self._functions.split(target["Arn"])
                if not self._functions.may_invoke(name, qualifier, "events.amazonaws.com"):
                    print(f"rule {rule['Name']} may not invoke {target['Arn']}", file=sys.stderr)
                    continue
                self._functions.invoke(name, qualifier, payload.encode())
            except AwsError as error:
                print(f"rule {rule['Name']}: {error}", file=sys.stderr)
