"""What counts as an alarm, what of it is news, and how it is worded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.monitor.cloud.alarm import (
    MAX_SUBJECT,
    Alarm,
    alarm_of,
    is_news,
    result_text,
    subject,
)
from tests.support.monitor_results import (
    make_attention,
    make_changed,
    make_ok,
    make_too_few,
)

DARKER = Alarm("darker", ())


def test_a_change_or_an_exact_finding_is_an_alarm() -> None:
    assert alarm_of(make_changed()) == Alarm("defocused", ("latency",))
    assert alarm_of(make_changed(cause=None, findings=())) == Alarm("unknown", ())
    assert alarm_of(make_attention()) == Alarm(None, ("stuck camera",))
    assert alarm_of(make_ok()) is None
    assert alarm_of(make_too_few()) is None


@pytest.mark.parametrize(
    ("alarm", "sent", "expected"),
    [
        (None, None, False),
        (None, DARKER, False),
        (DARKER, None, True),
        (DARKER, DARKER, False),
        (Alarm("cast", ()), DARKER, True),
        (Alarm("darker", ("latency",)), DARKER, True),
        (DARKER, Alarm("darker", ("latency",)), False),  # less than before is no news
        (Alarm(None, ("latency",)), Alarm("darker", ("latency",)), False),
        (Alarm("darker", ("latency",)), Alarm(None, ("latency",)), True),
    ],
)
def test_only_what_was_not_sent_is_news(
    alarm: Alarm | None, sent: Alarm | None, expected: bool
) -> None:
    assert is_news(alarm, sent) is expected


def test_an_alarm_survives_json() -> None:
    alarm = Alarm("darker", ("latency", "stuck camera"))
    assert Alarm.from_json(alarm.to_json()) == alarm


def test_a_subject_is_ascii_on_one_line_and_short() -> None:
    assert subject("icebox-dev: microalgae 1.0.0: changed (darker)") == (
        "icebox-dev: microalgae 1.0.0: changed (darker)"
    )
    odd = subject("Zählung\n" + "x" * 200)
    assert odd.startswith("Z?hlung?x")
    assert len(odd) == MAX_SUBJECT
    assert odd.isascii() and odd.endswith("...")


def test_a_message_says_what_since_when_why_and_where() -> None:
    result = make_changed()
    text = result_text(result, {"Report": "https://signed", "In the bucket": "s3://b/k"})
    lines = text.splitlines()
    assert lines[0] == result.verdict
    assert "Since: 24 Nov 13:00 (± 3 h), UTC" in lines
    assert "Cause: defocused, 93% sure" in lines
    assert "- Focus fell by 3.0 standard deviations." in lines
    assert "- The median latency rose from 110 ms to 190 ms on 24 Nov." in lines
    assert "- 1.1 % of the requests were rejected, as usual." not in lines  # no alarm
    assert "Report: https://signed" in lines
    assert "In the bucket: s3://b/k" in lines


def test_a_message_does_without_what_is_not_known() -> None:
    text = result_text(replace(make_attention(), since=None, cause=None), {})
    assert "Since" not in text
    assert "Cause" not in text
