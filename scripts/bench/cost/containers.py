"""The function at a memory size: in a container of its image with that size's CPU and memory.

Lambda gives a function memory / 1769 MB of a vCPU, by a quota of CPU time for each period, which
Docker's --cpus is, too (its period is 100 ms; Lambda's isn't documented). Inside is AWS's runtime
interface emulator, whose log has the time until the answer (INVOKE RTDONE) and until the extension
is done, too, which is what Lambda bills (REPORT). INIT has a whole vCPU at every size, as Lambda
gives it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from scripts.bench.cost.pictures import largest_pictures
from scripts.bench.cost.sizes import Measured, vcpus
from scripts.bench.load.environment import PATH
from scripts.bench.load.machine import Watch
from scripts.local.ports import free_ports
from scripts.tool import ToolError

START_S, REQUEST_S = 30.0, 120.0
WARM = 3  # invocations before anything is measured
ANSWERED = re.compile(r"INVOKE RTDONE\(status: success.*?duration: ([\d.]+)ms")
BILLED = re.compile(
    r"REPORT RequestId: \S+\s+(?:Init Duration: [\d.]+ ms\s+)?Duration: ([\d.]+) ms"
)
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")


def docker(*arguments: str) -> str:
    """What a command of Docker prints, both streams. Raises ToolError."""
    ran = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if ran.returncode:
        raise ToolError(f"docker {arguments[0]} failed: {ran.stdout.strip()[-300:]}")
    return ran.stdout


def find_image(name: str) -> str | None:
    """Why there is no such image, None where there is."""
    if shutil.which("docker") is None:
        return "there is no docker"
    try:
        docker("version")
    except ToolError:
        return "no Docker engine answers (as root: scripts/container/engine start)"
    try:
        docker("image", "inspect", name)
    except ToolError:
        return f"there is no image {name} (scripts/build makes it)"
    return None


class Container:
    """A running one. It takes one request at a time."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self._port = name, port

    def invoke(self, payload: bytes) -> bytes:
        """Raises OSError or HTTPException where it dies meanwhile."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_S)
        try:
            connection.request("POST", PATH, payload)
            return connection.getresponse().read()
        finally:
            connection.close()

    def set_vcpus(self, count: float) -> None:
        docker("update", "--cpus", f"{min(count, os.cpu_count() or 1):.4f}", self.name)

    def log(self) -> str:
        return docker("logs", self.name)

    def cpu_s(self) -> float:
        """CPU time of all in it so far; both versions of cgroups tell."""
        script = (
            "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || cat /sys/fs/cgroup/cpu.stat"
        )
        text = docker("exec", self.name, "sh", "-c", script)
        found = re.search(r"usage_usec (\d+)", text)
        return int(found[1]) / 1e6 if found else int(text.strip()) / 1e9

    def peak_mb(self) -> float:
        """Resident memory of all its processes at most, since each began."""
        status = docker(
            "exec", self.name, "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null || true"
        )
        return sum(int(kb) for kb in re.findall(r"^VmHWM:\s+(\d+) kB", status, re.M)) * 1024 / 1e6

    def was_killed(self) -> bool:
        text = docker("inspect", "--format", "{{.State.OOMKilled}} {{.State.Running}}", self.name)
        return text.split() != ["false", "true"]


@contextmanager
def container(image: str, memory_mb: int) -> Iterator[Container]:
    """The image's function with a whole vCPU or more, and that much memory; no swap."""
    [port] = free_ports(1)
    name = f"icebox-cost-{os.getpid()}-{memory_mb}"
    docker(
        "run", "--detach", "--name", name, "--memory", f"{memory_mb}m",
        "--memory-swap", f"{memory_mb}m", "--cpus", f"{max(1.0, vcpus(memory_mb)):.4f}",
        "--publish", f"127.0.0.1:{port}:8080",
        "--env", f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE={memory_mb}",
        "--env", f"AWS_LAMBDA_FUNCTION_TIMEOUT={REQUEST_S:.0f}",
        "--env", "PREDICTION_LOG=file:///tmp/records", image,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield Container(name, port)
    finally:
        docker("rm", "--force", name)


def measure_size(image: str, memory_mb: int, payload: bytes, runs: int) -> Measured:
    """payload: an event. runs: warm invocations. Raises ToolError where it does not answer."""
    with container(image, memory_mb) as running:
        _answer(running, payload)
        first_cpu_s = running.cpu_s()
        running.set_vcpus(vcpus(memory_mb))
        for _ in range(WARM):
            _answer(running, payload)
        started, cpu_s, watch = time.monotonic(), running.cpu_s(), Watch()
        for _ in range(runs):
            _answer(running, payload)
        cpu_s = running.cpu_s() - cpu_s
        # the engine's processes are no children of this one
        others = watch.usage().others - cpu_s / (time.monotonic() - started)
        answer, billed, init = _parse(running.log(), runs)
        return Measured(
            memory_mb=memory_mb,
            answer=answer,
            billed=billed,
            cpu=1000 * cpu_s / runs,
            init=init,
            init_cpu=1000 * max(0.0, first_cpu_s - cpu_s / runs),
            peak_mb=running.peak_mb(),
            fits=True,
            others=max(0.0, others),
        )


def hold_pictures(image: str, memory_mb: int, payloads: Sequence[bytes]) -> float | None:
    """CPU time, ms, of the slowest picture in an environment of that much memory; None where one of
    them ends it."""
    slowest = 0.0
    with container(image, memory_mb) as running:
        for payload in payloads:
            before = running.cpu_s()
            try:
                answer = running.invoke(payload)
                is_answered = json.loads(answer).get("statusCode") == 200
                if running.was_killed() or not is_answered:
                    return None
                slowest = max(slowest, 1000 * (running.cpu_s() - before))
            except (OSError, http.client.HTTPException, ValueError, AttributeError, ToolError):
                return None  # the kernel ended it, or a part of it
    return slowest


def _answer(running: Container, payload: bytes) -> None:
    try:
        answer = running.invoke(payload)
        if json.loads(answer).get("statusCode") == 200:
            return
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        answer = running.log()[-300:].encode()
    raise ToolError(f"the function does not answer the picture: {answer[:300]!r}")


def _parse(log: str, runs: int) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Answer and billed times of the last `runs` invocations, and INIT's time."""
    answer = [float(ms) for ms in ANSWERED.findall(log)][-runs:]
    billed = [float(ms) for ms in BILLED.findall(log)][-runs:]
    init = INIT.search(log)
    if len(answer) < runs or len(billed) < runs or not init:
        raise ToolError("the emulator's log lacks the times of invocations")
    return tuple(answer), tuple(billed), float(init[1])


def _wait_for(port: int) -> None:
    """Docker's proxy listens before the emulator does: wait for an HTTP answer."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.05)
    raise ToolError("the container does not listen")


def measure_sizes(
    image: str,
    sizes: Sequence[int],
    payload: bytes,
    runs: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """All sizes, ascending. The largest pictures are tried from the smallest size on, until they
    fit: more memory holds them, too."""
    largest, largest_ms = list(largest_pictures()), None
    measured = []
    for memory_mb in sorted(sizes):
        tell(f"{memory_mb} MB")
        each = measure_size(image, memory_mb, payload, runs)
        if largest_ms is None:
            largest_ms = hold_pictures(image, memory_mb, largest)
            each = replace(each, fits=largest_ms is not None, largest_ms=largest_ms)
        measured.append(each)
    return measured
