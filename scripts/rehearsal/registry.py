"""A private image registry on loopback (Debian's docker-registry), as what ECR stores images in."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from scripts.local.ports import free_ports
from scripts.tool import ToolError

BINARY = "docker-registry"
START_S = 20.0
MANIFESTS = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    )
)
CONFIG = """\
version: 0.1
log: {{ level: warn, accesslog: {{ disabled: true }} }}
storage:
  filesystem: {{ rootdirectory: {folder} }}
  delete: {{ enabled: true }}
http: {{ addr: "127.0.0.1:{port}" }}
"""


class Registry:
    """A running registry. Its files lie in a folder of their own below `folder`.

    Raises ToolError where docker-registry is missing, does not start, or the Docker engine does not
    reach it: an engine in a virtual machine (Docker Desktop) has another loopback.
    """

    def __init__(self, folder: Path) -> None:
        if not (binary := shutil.which(BINARY)):
            raise ToolError(f"{BINARY} is missing; on Debian and Ubuntu: apt-get install {BINARY}")
        store = folder / "registry"
        store.mkdir(parents=True, exist_ok=True)
        self.port = _port(folder / "registry.port")
        config = folder / "registry.yml"
        config.write_text(CONFIG.format(folder=store, port=self.port))
        self._log = folder / "registry.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [binary, "serve", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            self._wait()
            self._ask_engine()
        except BaseException:
            self.stop()
            raise

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of a tag, or of a digest that is there; None where nothing is."""
        response = self._request("HEAD", f"/v2/{repository}/manifests/{quote(reference)}")
        return response.getheader("Docker-Content-Digest") if response.status == 200 else None

    def tags(self, repository: str) -> list[str]:
        response = self._request("GET", f"/v2/{repository}/tags/list")
        if response.status != 200:
            return []
        return sorted(json.loads(response.read()).get("tags") or [])

    def delete(self, repository: str, digest: str) -> None:
        self._request("DELETE", f"/v2/{repository}/manifests/{digest}")

    def manifest(self, repository: str, reference: str) -> tuple[bytes, str] | None:
        """A manifest and its media type; None where nothing is."""
        response = self._request("GET", f"/v2/{repository}/manifests/{quote(reference)}")
        if response.status != 200:
            return None
        return response.read(), response.getheader("Content-Type") or ""

    def tag(self, repository: str, tag: str, manifest: bytes, media_type: str) -> bool:
        """Give a manifest a tag; whether the registry took it."""
        path = f"/v2/{repository}/manifests/{quote(tag)}"
        return self._request("PUT", path, manifest, media_type).status == 201

    def _request(
        self, method: str, path: str, body: bytes | None = None, media_type: str | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Accept": MANIFESTS, "Connection": "close"}
        if media_type:
            headers["Content-Type"] = media_type
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ToolError(f"{BINARY} has ended: {self._log.read_text()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise ToolError(f"{BINARY} does not listen after {START_S:.0f} s; its log is {self._log}")

    def _ask_engine(self) -> None:
        """An image that nobody has pushed: an engine that reaches the registry says so."""
        ran = subprocess.run(
            ["docker", "pull", f"{self.address}/nothing:here"], capture_output=True, text=True
        )
        said = ran.stderr.strip()
        if not any(word in said for word in ("not found", "manifest unknown", "name unknown")):
            raise ToolError(
                f"the Docker engine does not reach the registry at {self.address}: {said}. An"
                " engine in a virtual machine, such as Docker Desktop's, has another loopback; use"
                " one of this machine (as root: scripts/container/engine start)"
            )


def _port(path: Path) -> int:
    """The port of the last time, where it is free: Docker knows what a registry at an address has,
    and pushes no layer twice."""
    if path.exists():
        with socket.socket() as one, suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", int(path.read_text())))
            return int(path.read_text())
    [port] = free_ports(1)
    path.write_text(str(port))
    return port
