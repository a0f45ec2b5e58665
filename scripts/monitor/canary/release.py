"""One call of the release's watch: a hook of CodeDeploy's, or a minute in which requests move."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from scripts.monitor.canary.alias import Alias, published_at, read_alias
from scripts.monitor.canary.deployment import read_deployment
from scripts.monitor.canary.settings import CanarySettings
from scripts.monitor.cloud.alarm import subject
from scripts.monitor.cloud.metrics import metric_line
from scripts.records.source import Source

if TYPE_CHECKING:
    from scripts.monitor.canary.behaviour import Behaviour
    from scripts.monitor.canary.rehearse import Rehearsal

METRIC = "CanaryBehaviour"  # 1 where the new version behaves otherwise; its alarm stops the release
NEWEST = "$LATEST"  # of the function, from which a release's version is published
REPORT_S = 15.0  # of a hook stay to tell CodeDeploy its result
# Requests move for five minutes at least, or at once. Who moved them at once has nothing to compare
# and needs no message that says so.
SHORTEST_SHIFT = timedelta(minutes=5)
logger = logging.getLogger("scripts.monitor.canary")


class Post(Protocol):
    """Where what is found goes."""

    def send(self, subject: str, text: str) -> None:
        """Send a message to whoever is to know."""

    def write_metrics(self, line: str) -> None:
        """Take a line of metrics."""


class TimeIsUpError(Exception):
    """A hook did not end in time."""


@dataclass
class Release:
    """lambda_client: asks for the alias. invoke_client: calls versions, each once. told: versions
    that a message was sent of, so that a minute later it is not sent again; from another
    environment it may be. moving: versions, and since when requests were seen to move to them."""

    settings: CanarySettings
    lambda_client: Any
    invoke_client: Any
    codedeploy: Any
    source: Source
    post: Post
    sleep: Callable[[float], None] = time.sleep
    told: set[str] = field(default_factory=set)
    moving: dict[str, datetime] = field(default_factory=dict)

    def handle(self, event: object, left_s: Callable[[], float]) -> dict[str, Any]:
        """Do what the event asks for. left_s: seconds until this call is ended from outside."""
        if isinstance(event, Mapping) and "LifecycleEventHookExecutionId" in event:
            return self._hook(event, left_s)
        alias = read_alias(self.lambda_client, self.settings.function, self.settings.alias)
        if alias.new_version is None:
            return {"watched": None}
        return self._watch(alias)

    def _watch(self, alias: Alias) -> dict[str, Any]:
        from scripts.monitor.canary.watch import look  # DuckDB and SciPy take a second

        assert alias.new_version is not None
        published = published_at(self.lambda_client, self.settings.function, alias.new_version)
        now = datetime.now(UTC)
        since = self.moving.setdefault(alias.new_version, now)
        behaviour = look(self.source, alias, published, now, since)
        self._log(behaviour)
        is_stopped = behaviour.status == "differs" and not self.settings.expected_change
        self._write_metric(is_stopped)
        if behaviour.status == "differs":
            self._tell_behaviour(behaviour, is_last=False)
        return {"watched": alias.new_version, "status": behaviour.status}

    def _hook(self, event: Mapping[str, Any], left_s: Callable[[], float]) -> dict[str, Any]:
        """Try or look, and tell CodeDeploy, whatever happens. It waits for an hour otherwise."""
        settings, named = self.settings, event.get("DeploymentId")
        deployment = read_deployment(self.codedeploy, named, settings.function, settings.alias)
        target = deployment.target
        logger.info("hook of deployment %s, to version %s", named, target)
        if deployment.goes_back:
            logger.info("it goes back to what was live, and nothing may hold that up")
            self._report(event, "Succeeded")
            return {"hook": "Succeeded"}
        try:
            passed = _within(left_s() - REPORT_S, lambda: self._check(target, left_s))
        except Exception as error:
            logger.exception("the release's watch failed")
            passed = False
            self._tell_bug(target or settings.version, error)
        status = "Succeeded" if passed else "Failed"
        self._report(event, status)
        return {"hook": status}

    def _check(self, target: str | None, left_s: Callable[[], float]) -> bool:
        """target: the version that CodeDeploy says it releases, None where it does not say."""
        settings = self.settings
        version = target or settings.version
        if version != settings.version:
            logger.warning(
                "CANARY_VERSION is %s, but CodeDeploy releases version %s: that one is watched",
                *(settings.version, version),
            )
        alias = read_alias(self.lambda_client, settings.function, settings.alias)
        if alias.version != version:
            return self._try(version, alias.version, left_s)
        if target is None:
            # Either all requests have moved, or none has and the setting is of the release before.
            logger.warning("version %s answers already; %s is tried, too", version, NEWEST)
            if not self._try(NEWEST, alias.version, left_s):
                return False
        return self._look_back(version, left_s)

    def _try(self, version: str, live_version: str, left_s: Callable[[], float]) -> bool:
        """Before the new version gets requests."""
        from scripts.monitor.canary.calls import Caller
        from scripts.monitor.canary.rehearse import rehearse
        from scripts.monitor.canary.samples import make_samples

        settings = self.settings
        rehearsal = rehearse(
            Caller(self.invoke_client, settings.function, sleep=self.sleep),
            version,
            live_version,
            make_samples(is_keyed=settings.is_keyed),
            self._captures(),
            lambda: left_s() - REPORT_S,
        )
        return self._judge(rehearsal, version, live_version)

    def _captures(self) -> Iterator[tuple[str, bytes]]:
        from scripts.monitor.canary.captures import find_captures
        from scripts.tool import ToolError

        try:
            yield from find_captures(self.source)
        except ToolError as error:
            # Kept pictures are a help; the sample events have been tried without them.
            logger.warning("kept pictures are not tried: %s", error)

    def _judge(self, rehearsal: Rehearsal, version: str, live_version: str) -> bool:
        from scripts.monitor.canary.words import rehearsal_table, rehearsal_text

        settings = self.settings
        logger.info(
            "version %s was called %d times, beside version %s:\n%s",
            *(version, rehearsal.calls, live_version, rehearsal_table(rehearsal)),
        )
        passed = not rehearsal.failures and (
            not rehearsal.difference or bool(settings.expected_change)
        )
        if not passed or rehearsal.difference:
            title = "is not released" if not passed else "counts otherwise, as expected"
            text = rehearsal_text(rehearsal, version, settings.expected_change)
            self._tell(f"version {version} {title}", text)
        return passed

    def _look_back(self, version: str, left_s: Callable[[], float]) -> bool:
        """After all requests have moved."""
        from scripts.monitor.canary.watch import last_look

        settings = self.settings
        published = published_at(self.lambda_client, settings.function, version)
        ended = datetime.now(UTC)
        behaviour, late = last_look(self.source, version, published, ended)
        if behaviour.status != "differs" and left_s() - REPORT_S > 2 * late.total_seconds():
            # Records of the last seconds are still on their way.
            self.sleep(late.total_seconds())
            now = datetime.now(UTC)
            behaviour, _ = last_look(self.source, version, published, now)
        self._log(behaviour)
        is_stopped = behaviour.status == "differs" and not settings.expected_change
        self._write_metric(is_stopped)
        was_watched = published is None or ended - published >= SHORTEST_SHIFT
        if behaviour.status == "differs" or (behaviour.status == "undecided" and was_watched):
            self._tell_behaviour(behaviour, is_last=True)
        return not is_stopped

    def _log(self, behaviour: Behaviour) -> None:
        from scripts.monitor.canary.words import difference_table, status_words

        level = logging.INFO if behaviour.status == "same" else logging.WARNING
        logger.log(level, "%s\n%s", status_words(behaviour), difference_table(behaviour))

    def _write_metric(self, is_stopped: bool) -> None:
        values = {METRIC: int(is_stopped)}
        names = {"stack": self.settings.stack}
        line = metric_line(values, names, [(["stack"], (METRIC,))], datetime.now(UTC))
        self.post.write_metrics(line)

    def _tell_behaviour(self, behaviour: Behaviour, *, is_last: bool) -> None:
        from scripts.monitor.canary.words import behaviour_text

        expected = self.settings.expected_change
        title = {
            "differs": "behaves otherwise, as expected" if expected else "behaves otherwise",
            "undecided": "has moved in; whether it behaves otherwise is undecided",
        }[behaviour.status]
        key = f"{behaviour.new_version} {behaviour.status}"
        if key not in self.told:
            text = behaviour_text(behaviour, expected, is_last=is_last)
            self._tell(f"version {behaviour.new_version} {title}", text)
            self.told.add(key)

    def _tell(self, title: str, text: str) -> None:
        """Send a message; the result does not depend on it."""
        logger.warning("%s\n%s", title, text)
        try:
            self.post.send(subject(f"{self.settings.stack}: {title}"), text)
        except Exception:
            logger.exception("the message is not sent")

    def _tell_bug(self, version: str, error: Exception) -> None:
        from scripts.monitor.canary.words import bug_text

        text = bug_text(f"{type(error).__name__}: {error}")
        self._tell(f"version {version} could not be watched", text)

    def _report(self, event: Mapping[str, Any], status: str) -> None:
        """Raises botocore's errors: CodeDeploy then fails the deployment after an hour."""
        try:
            self.codedeploy.put_lifecycle_event_hook_execution_status(
                deploymentId=event.get("DeploymentId"),
                lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
                status=status,
            )
        except self.codedeploy.exceptions.LifecycleEventAlreadyCompletedException:
            logger.warning("CodeDeploy has had a result of this hook before")


def _within(seconds: float, work: Callable[[], bool]) -> bool:
    """The work's result. Raises what it raises, and TimeIsUpError where it takes longer: a thread,
    since nothing else ends what hangs."""
    result: list[bool] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            result.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if thread.is_alive():
        raise TimeIsUpError(f"it did not end within {seconds:.0f} s")
    if errors:
        raise errors[0]
    return result[0]
