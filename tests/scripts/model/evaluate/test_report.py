"""report.html is one file with plots and the worst pictures."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.model.evaluate.__main__ import main
from tests.support.tiny_bundle import make_tiny_bundle


def test_the_report_is_one_file_that_loads_nothing(squares: Path, tmp_path: Path) -> None:
    folder, out = make_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    main([str(folder), str(squares), "--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["report.html"]
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 2
    assert page.count('src="data:image/jpeg;base64,') == 1  # the one picture with a miss
    assert "19.png: 2 found, 3 labelled; 2 right, 0 wrong, 1 missed" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
