"""Peers that are tiny services, for tests of what measures them."""

import json
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.peers.dialects import Raw
from scripts.bench.peers.peers import OUR_OWN, Peer

SERVICE = Path(__file__).with_name("tiny_service.py")


def tiny_peer(
    name: str, sleeps: Sequence[float] = (0,), is_extra: bool = False, **env: object
) -> Peer:
    """sleeps: seconds, of one request after the other, once it has given its first answer."""
    variables = {"SLEEPS": json.dumps(list(sleeps))} | {
        key: str(value) for key, value in env.items()
    }
    return Peer(
        name,
        name.title(),
        OUR_OWN,
        (str(SERVICE), "{port}"),
        Raw("/detect"),
        env=tuple(variables.items()),
        is_extra=is_extra,
    )


def is_alive(pid: int) -> bool:
    """Whether a process is there, and more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
