"""Train where no host answers. Runs in the training environment.

Every request of urllib goes through a proxy on a port of loopback that nothing listens on.
"""

import socket
import urllib.request
from unittest import mock


def main(argv: list[str]) -> None:
    from scripts.model.train.__main__ import main as train

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
    handler = urllib.request.ProxyHandler({"http": proxy, "https": proxy})
    with mock.patch("urllib.request._opener", urllib.request.build_opener(handler)):
        train(argv)
