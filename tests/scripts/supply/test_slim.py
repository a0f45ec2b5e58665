"""What stays out of the images is never used, and what is used stays in them."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from scripts.supply.slim import CREDENTIALS, SERVICES, UNUSED, find_unused, remove_unused
from tests.support.paths import ROOT

PACKAGES = Path(sysconfig.get_path("purelib"))  # the same versions as the images'
MAKERS = ("client", "_client", "resource")
IN_THE_IMAGES = ("handler", "scripts/monitor", "scripts/records", "scripts/accuracy")


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_only_what_is_used_is_left(tmp_path: Path) -> None:
    kept = {
        "botocore/data/endpoints.json",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/sts/2011-06-15/service-2.json.gz",
        "numpy/__init__.py",
        "numpy/testing/__init__.py",
        "numpy-2.dist-info/licenses/numpy/_core/include/LICENSE.txt",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
        "onnxruntime/capi/onnxruntime_pybind11_state.cpython-313-x86_64-linux-gnu.so",
    }
    gone = {
        "bin/f2py",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "numpy/__init__.pyi",
        "numpy/_core/_simd.cpython-313-x86_64-linux-gnu.so",
        "numpy/lib/tests/__init__.py",
        "numpy/lib/tests/data/types.pyi",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "onnxruntime/tools/__init__.py",
    }
    make_files(tmp_path, *kept, *gone)
    remove_unused(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == kept


@pytest.mark.parametrize("pattern", [each for each in UNUSED if each != "bin"])
def test_a_pattern_matches_what_the_packages_have_today(pattern: str) -> None:
    """`bin` is beside the packages of an environment, and among those of an image."""
    assert next(PACKAGES.glob(pattern), None)


def test_the_licence_of_what_stays_stays() -> None:
    """numpy's headers have a licence of their own, which goes with them."""
    gone = {
        str(path.relative_to(PACKAGES))
        for name in ("boto3", "botocore", "numpy", "onnxruntime", "PIL", "scipy")
        for path in (PACKAGES / name).rglob("*")
        if path.name.lower().startswith(("licen", "copying", "notice", "thirdparty"))
    } & {
        str(path.relative_to(PACKAGES))
        for folder in find_unused(PACKAGES)
        for path in ([folder] if folder.is_file() else folder.rglob("*"))
    }
    assert gone <= {"numpy/_core/include/numpy/random/LICENSE.txt"}


def test_every_service_that_a_client_is_made_of_is_listed_and_no_other() -> None:
    sources = [path for room in IN_THE_IMAGES for path in sorted((ROOT / room).rglob("*.py"))]
    assert {service for path in sources for service in services_in(path.read_text())} == SERVICES
    assert not SERVICES & CREDENTIALS


def test_a_service_is_found_however_its_client_is_made() -> None:
    source = 'boto3.client("sqs"); boto3.Session().client("s3", config=c); _client("logs", 1.0, 5)'
    assert services_in(source) == {"sqs", "s3", "logs"}


def services_in(source: str) -> set[str]:
    """The services that calls of `client`, `_client` or `resource` name by a text."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if isinstance(call.args[0].value, str) and name_of(call.func) in MAKERS
    }


def name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
