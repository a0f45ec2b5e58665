"""Work waits for the response to leave: against a fake Extensions API, and without one."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue

import pytest

from handler import after_response
from handler.after_response import AfterResponse
from tests.support.http import FakeServer, Reply, Seen, fake_server

WAIT_S = 10.0


class Context:
    """The runtime's, as far as it is used."""

    def __init__(self, request_id: str) -> None:
        self.aws_request_id = request_id


@pytest.fixture(scope="module", autouse=True)
def exits() -> Iterator[list[str]]:
    """Ends of the process, each by its extension's identifier; a real one would end pytest."""
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(after_response, "exit_with_error", lambda _, name: told.append(name))
        yield told
        gc.collect()  # a context that is freed later would end the process by the real one


@dataclass
class Extensions:
    """Lambda's side: `invoke` starts an invocation, `idle` waits for the extension's next poll."""

    server: FakeServer
    events: Queue[str | None]
    asked: threading.Semaphore
    done: list[str] = field(default_factory=list)

    def invoke(self, request_id: str) -> Context:
        self.idle()
        self.events.put(request_id)
        return Context(request_id)

    def idle(self) -> None:
        assert self.asked.acquire(timeout=WAIT_S), "the extension does not ask for its next event"

    def work(self, name: str):
        return lambda _: self.done.append(name)


@contextmanager
def extensions(register: Reply | None = None, *, deadline_s: float = 60.0) -> Iterator[Extensions]:
    events: Queue[str | None] = Queue()
    asked = threading.Semaphore(0)

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/register"):
            return register or Reply(headers={"Lambda-Extension-Identifier": "id-1"})
        asked.release()
        request_id = events.get()
        if request_id is None:
            return Reply(500)
        event = {
            "eventType": "INVOKE",
            "requestId": request_id,
            "deadlineMs": int((time.time() + deadline_s) * 1000),
        }
        return Reply(body=json.dumps(event).encode())

    with fake_server(answer) as server:
        yield Extensions(server, events, asked)
        events.put(None)  # ends the thread
        for thread in threading.enumerate():
            if thread.name == after_response.NAME:
                thread.join(WAIT_S)


def test_nothing_to_do_is_done_at_once() -> None:
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        context = lambda_.invoke("1")
        after.finish(context, None)
        lambda_.idle()  # though the context is alive


def test_it_registers_for_invocations_during_init() -> None:
    with extensions() as lambda_:
        AfterResponse.start(lambda_.server.address)
        registration = lambda_.server.seen[0]
        lambda_.idle()
    assert registration.path == "/2020-01-01/extension/register"
    assert json.loads(registration.body) == {"events": ["INVOKE"]}
    assert lambda_.server.seen[1].headers["lambda-extension-identifier"] == "id-1"


def test_work_begins_when_the_runtime_lets_go_of_the_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(after_response, "RESPONSE_SENT_TIMEOUT_S", WAIT_S)
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        context = lambda_.invoke("1")
        after.finish(context, lambda_.work("1"))
        assert not lambda_.asked.acquire(timeout=0.2)
        assert lambda_.done == []  # the response is still being sent
        del context
        lambda_.idle()
        assert lambda_.done == ["1"]


def test_a_context_that_somebody_keeps_does_not_hold_the_work_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(after_response, "RESPONSE_SENT_TIMEOUT_S", 0.05)
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        context = lambda_.invoke("1")
        after.finish(context, lambda_.work("1"))
        lambda_.idle()
        assert lambda_.done == ["1"]
        del context


def test_many_invocations_each_have_their_work_in_order() -> None:
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        for name in "12345":
            context = lambda_.invoke(name)
            after.finish(context, lambda_.work(name) if name != "3" else None)
            del context
        lambda_.idle()
        assert lambda_.done == ["1", "2", "4", "5"]


def test_a_handler_that_ends_before_the_event_arrives_loses_nothing() -> None:
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        lambda_.idle()
        after.finish(Context("1"), lambda_.work("1"))
        lambda_.events.put("1")
        lambda_.idle()
        assert lambda_.done == ["1"]


def test_work_left_by_one_invocation_is_done_in_the_next() -> None:
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        lambda_.idle()
        after.finish(Context("1"), lambda_.work("1"))
        after.finish(Context("2"), lambda_.work("2"))
        lambda_.events.put("2")
        lambda_.idle()
        assert lambda_.done == ["1", "2"]


def test_a_handler_that_never_ends_holds_the_thread_only_until_its_deadline() -> None:
    with extensions(deadline_s=0.1) as lambda_:
        AfterResponse.start(lambda_.server.address)
        lambda_.invoke("1")
        lambda_.idle()


def test_a_bug_in_the_work_is_logged_and_the_thread_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_: float) -> None:
        raise RuntimeError("broken sink")

    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        for name, work in (("1", broken), ("2", lambda_.work("2"))):
            context = lambda_.invoke(name)
            after.finish(context, work)
            del context
        lambda_.idle()
        assert lambda_.done == ["2"]
        assert "broken sink" in json.loads(capsys.readouterr().out)["message"]


def test_a_refused_registration_leaves_the_work_before_the_return(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with extensions(Reply(403, b"no")) as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        after.finish(Context("1"), lambda_.work("1"))
        assert lambda_.done == ["1"]
    assert "403" in json.loads(capsys.readouterr().out)["message"]


def test_a_registration_that_may_have_happened_fails_the_init() -> None:
    """Lambda would wait for the extension in every invocation of this environment."""
    with extensions(Reply(200)) as lambda_, pytest.raises(OSError, match="names no identifier"):
        AfterResponse.start(lambda_.server.address)


def test_no_answer_to_the_registration_leaves_the_work_before_the_return(
    capsys: pytest.CaptureFixture[str],
) -> None:
    after = AfterResponse.start("127.0.0.1:1")  # nobody listens there
    done: list[float] = []
    after.finish(Context("1"), done.append)
    assert len(done) == 1
    assert "Refused" in json.loads(capsys.readouterr().out)["message"]


def test_a_lost_extensions_api_leaves_the_work_before_the_return(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        lambda_.idle()
        lambda_.events.put(None)
        _wait_until(lambda: not after._listening)
        after.finish(Context("1"), lambda_.work("1"))
        assert lambda_.done == ["1"]
    assert "lost" in json.loads(capsys.readouterr().out)["message"]


def test_outside_lambda_work_is_done_before_returning() -> None:
    done: list[float] = []
    AfterResponse.start(None).finish(object(), done.append)
    assert done == [float("inf")]


def test_the_work_knows_what_is_left_of_the_invocation() -> None:
    left: list[float] = []
    with extensions(deadline_s=60) as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        after.finish(lambda_.invoke("1"), left.append)
        lambda_.idle()
    assert 0 < left[0] <= 60


def test_no_reference_cycle_keeps_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference counting alone frees it: the collector may not come by for minutes."""
    monkeypatch.setattr(after_response, "RESPONSE_SENT_TIMEOUT_S", WAIT_S)
    gc.disable()
    try:
        with extensions() as lambda_:
            after = AfterResponse.start(lambda_.server.address)
            after.finish(lambda_.invoke("1"), lambda_.work("1"))
            lambda_.idle()
            assert lambda_.done == ["1"]
    finally:
        gc.enable()


class RuntimeClient:
    """awslambdaric's, as far as it is watched."""

    def __init__(self) -> None:
        self.requests: Queue[str] = Queue()

    def wait_next_invocation(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(invoke_id=self.requests.get())


@pytest.fixture
def runtime_client(monkeypatch: pytest.MonkeyPatch) -> RuntimeClient:
    """A client of a class that stands where awslambdaric's does."""
    own_class = type("LambdaRuntimeClient", (RuntimeClient,), {})
    module = types.SimpleNamespace(LambdaRuntimeClient=own_class)
    monkeypatch.setitem(sys.modules, "awslambdaric.lambda_runtime_client", module)
    monkeypatch.setattr(after_response, "RESPONSE_SENT_TIMEOUT_S", WAIT_S)
    return own_class()


def run_runtime(client: RuntimeClient, handle) -> None:
    """Handle the client's requests in a thread until one is empty, as the runtime does."""

    def loop() -> None:
        while request_id := client.wait_next_invocation().invoke_id:
            handle(request_id)

    threading.Thread(target=loop, daemon=True).start()


def test_the_runtime_clients_next_poll_begins_the_work_though_a_cycle_keeps_the_context(
    runtime_client: RuntimeClient,
) -> None:
    """Issue 12, B11: no luck with reference counts is needed."""
    kept = []
    posting = threading.Event()
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)

        def handle(request_id: str) -> None:
            context = Context(request_id)
            kept.append(context)
            after.finish(context, lambda_.work(request_id))
            posting.wait(WAIT_S)

        run_runtime(runtime_client, handle)
        lambda_.invoke("1")
        runtime_client.requests.put("1")
        assert not lambda_.asked.acquire(timeout=0.2)
        assert lambda_.done == []  # the response is still being sent
        posting.set()
        lambda_.idle()
        assert lambda_.done == ["1"]
        runtime_client.requests.put("")


def test_a_request_that_never_reached_the_handler_is_over_with_the_clients_next_poll(
    runtime_client: RuntimeClient,
) -> None:
    with extensions() as lambda_:
        AfterResponse.start(lambda_.server.address)
        run_runtime(runtime_client, lambda _: None)
        lambda_.invoke("1")
        runtime_client.requests.put("1")
        lambda_.idle()
        runtime_client.requests.put("")


def test_a_request_that_lambda_tries_again_has_its_work_done_each_time(
    runtime_client: RuntimeClient,
) -> None:
    """Of an asynchronous call that raised: it comes again under its id."""
    with extensions() as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        works = [None, None, lambda_.work("third")]
        run_runtime(runtime_client, lambda name: after.finish(Context(name), works.pop(0)))
        for _ in range(3):
            lambda_.invoke("1")
            assert not lambda_.asked.acquire(timeout=0.1)  # it waits for the handler
            runtime_client.requests.put("1")
        lambda_.idle()
        assert lambda_.done == ["third"]
        runtime_client.requests.put("")


@pytest.mark.parametrize("module", [None, types.SimpleNamespace(), types.SimpleNamespace(
    LambdaRuntimeClient=types.SimpleNamespace(wait_next_invocation=None))])  # fmt: skip
def test_without_such_a_client_the_context_tells(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    monkeypatch.setitem(sys.modules, "awslambdaric.lambda_runtime_client", module)
    test_work_begins_when_the_runtime_lets_go_of_the_context(monkeypatch)


@pytest.mark.parametrize("deadline_s", [-5.0, 0.05, 1e6, -1e6])
def test_a_wrong_deadline_leaves_no_work_in_the_queue(deadline_s: float) -> None:
    """Issue 12, B7: the handler ends after the time at which the clock says it has ended."""
    with extensions(deadline_s=deadline_s) as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        context = lambda_.invoke("1")
        time.sleep(0.1)
        after.finish(context, lambda_.work("1"))
        del context
        lambda_.idle()
        assert lambda_.done == ["1"]


def test_what_is_left_is_by_the_least_of_the_last_invocations() -> None:
    deadlines = after_response._Deadlines()
    assert deadlines.left_s(-3.0) is None  # unknown: the clock is ahead
    assert deadlines.left_s(1e6) is None
    assert deadlines.left_s(19.9) == 19.9
    assert deadlines.left_s(20.0) == 19.9
    assert deadlines.left_s(-0.1) == 19.9  # a jump ahead by the timeout
    assert deadlines.left_s(80.0) == 19.9  # and back
    assert deadlines.left_s(7.0) == 7.0
    for _ in range(10):
        assert deadlines.left_s(20.0) <= 20.0
    assert deadlines.left_s(20.0) == 20.0  # what was wrong once is forgotten


def test_work_of_an_unknown_deadline_has_little_time_left() -> None:
    left: list[float] = []
    with extensions(deadline_s=-5) as lambda_:
        after = AfterResponse.start(lambda_.server.address)
        after.finish(lambda_.invoke("1"), left.append)
        lambda_.idle()
    assert left == [after_response.UNKNOWN_LEFT_S]


def _wait_until(condition) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
