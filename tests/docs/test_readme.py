"""What the README says is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from handler.bundle.files import load_bundle
from handler.settings import Settings
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def block(text: str, name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, re.S)
    assert found, f"README.md has no block {name}"
    return found[1]


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The README with its outputs made anew, by the script that makes them, in a process of its
    own."""
    script = "from scripts.generate.readme import *; print(write(README.read_text(), blocks()))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_demo_prints_what_the_readme_shows(made_anew: str) -> None:
    def steady(text: str) -> list[str]:
        """Without times, dates and identifiers; scores and boxes to what every CPU agrees on."""
        lines = [line for line in text.splitlines() if not line.startswith(("time ", "record "))]
        return [
            re.sub(r"(\d+\.\d)\d*", lambda m: f"{float(m[0]):.1f}"[:-2], line) for line in lines
        ]

    assert steady(block(README, "demo")) == steady(block(made_anew, "demo"))


def test_the_call_answers_what_the_readme_shows(made_anew: str) -> None:
    shown, real = (
        json.loads(block(text, "curl").removeprefix("```json").removesuffix("```"))
        for text in (README, made_anew)
    )
    assert shown.keys() == real.keys()
    assert shown["timing_ms"].keys() == real["timing_ms"].keys()
    for fixed in ("model", "image", "count", "counts", "thresholds"):
        assert shown[fixed] == real[fixed]
    for one, other in zip(shown["detections"], real["detections"], strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=2e-3)
        assert one["box"] == pytest.approx(other["box"], abs=0.5)


def test_the_figures_are_the_models(made_anew: str) -> None:
    assert block(README, "figures") == block(made_anew, "figures")
    evaluation = load_bundle(ROOT / "handler" / "model").manifest.evaluation
    assert evaluation, "the default model has no figures"


def test_settings_are_those_that_are_read() -> None:
    table = README.split("## Settings")[1].split("## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.M))
    source = (ROOT / "handler" / "settings.py").read_text()
    read = set(re.findall(r'"([A-Z][A-Z0-9_]+)"', source)) - {
        "DEBUG",
        "INFO",
        "WARNING",
        "ERROR",
        "CRITICAL",
    }
    assert rows.keys() == {name for name in read if not name.startswith("AWS_")}
    defaults = Settings.from_env({})
    assert rows["MAX_BODY_BYTES"] == f"`{defaults.max_body_bytes}`"
    assert rows["MAX_IMAGE_PIXELS"] == f"`{defaults.max_image_pixels}`"
    assert rows["MAX_UPLOAD_BYTES"] == f"`{defaults.max_upload_bytes}`"
    assert rows["MAX_PICTURES"] == f"`{defaults.max_pictures}`"
    assert rows["LOG_LEVEL"] == f"`{defaults.log_level}`"


@pytest.mark.parametrize("text", [README, ARCHITECTURE], ids=["README", "ARCHITECTURE"])
def test_files_that_are_named_exist(text: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    verbs = re.findall(r"(?<![\w./])(scripts/[\w/.-]+\w)", text)
    for name in [*links, *verbs]:
        assert (ROOT / name).exists(), name
    for module in re.findall(r"-m (scripts\.[\w.]+\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_every_module_of_the_handler_is_in_the_architecture() -> None:
    for path in (ROOT / "handler").rglob("*.py"):
        if path.name != "__init__.py":
            assert f"`{path.relative_to(ROOT / 'handler').as_posix()}`" in ARCHITECTURE, path.name


def test_options_that_are_shown_exist() -> None:
    for module, line in re.findall(r"python -m (scripts\.[\w.]+)(.*)", README):
        if "train" in module or "export" in module:
            continue  # their environment is another; tests/model runs them
        ran = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True
        )
        for option in re.findall(r"(--[\w-]+)", line):
            assert option in ran.stdout, f"{module} {option}"
