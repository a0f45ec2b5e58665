"""docs/settings.md lists the settings that are read, and the template's parameters."""

from __future__ import annotations

import re

from handler.settings import Settings
from tests.docs.pages import PAGES, table
from tests.support.paths import ROOT
from tests.template.cloudformation import load

PAGE = PAGES["docs/settings.md"]


def test_settings_are_those_that_are_read() -> None:
    rows = table(PAGE, "Environment variables")
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
    assert rows["DEFAULT_TILES"] == f"`{defaults.default_tiles}`"
    assert rows["LOG_LEVEL"] == f"`{defaults.log_level}`"


def test_parameters_are_the_templates() -> None:
    parameters = load()["Parameters"]
    defaults = {name: str(parameter["Default"]) for name, parameter in parameters.items()}
    assert table(PAGE, "Template parameters") == {
        name: f"`{default}`" if default else "none" for name, default in defaults.items()
    }
