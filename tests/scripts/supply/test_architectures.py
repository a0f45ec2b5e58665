"""The images can be made for both architectures of Lambda, from one lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lock_files import locked_in_the_images

GLIBC = range(17, 35)  # AWS's base image has 2.34


@pytest.mark.needs_package_index
@pytest.mark.parametrize("machine", ["aarch64"])  # the tests' own environment is the other one
def test_every_locked_package_has_a_wheel_for_it(machine: str, tmp_path: Path) -> None:
    """Byte for byte one of those that the lock names; about 120 MB."""
    packages = locked_in_the_images("handler", "monitor")
    assert len(packages) > 15
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "".join(
            f"{each.name}=={each.version} {' '.join(each.hashes)}\n"
            for each in dict.fromkeys(packages)
        )
    )
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC]
    command = [
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
        *("--require-hashes", "--only-binary=:all:", "--python-version", "3.13"),
        *("--implementation", "cp", "--abi", "cp313", "--abi", "abi3", "--abi", "none"),
        *(
            part
            for each in [*platforms, f"manylinux2014_{machine}"]
            for part in ("--platform", each)
        ),
        *("--dest", str(tmp_path / "wheels"), "--requirement", str(lock)),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    wheels = [path.name for path in (tmp_path / "wheels").iterdir()]
    assert len(wheels) == len({each.name for each in packages})
    of_the_machine = {wheel.split("-")[0] for wheel in wheels if machine in wheel}
    assert {"numpy", "onnxruntime", "pillow", "pi_heif", "scipy", "duckdb"} <= of_the_machine
