"""The command: what it prints and writes, and how it refuses."""

import json

import pytest

from handler.bundle.files import load_bundle
from scripts.model.quantize import convert
from scripts.model.quantize.__main__ import main
from tests.scripts.model.quantize.fake_clock import always


def test_int8_that_is_slower_is_not_kept(source, labelled, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(convert, "compare_speed", always(faster=False))
    out = tmp_path / "int8"
    main([str(source), "--calibrate", str(labelled), "--out", str(out)])
    printed = capsys.readouterr().out
    assert "Not kept, nothing written, float stays: one thread of this machine is not" in printed
    assert "10.0 ms before, 11.0 after, 0 of 4 rounds won" in printed
    assert not out.exists()


def test_anyway_writes_what_is_not_kept(source, labelled, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(convert, "compare_speed", always(faster=False))
    out = tmp_path / "int8"
    main([str(source), "--calibrate", str(labelled), "--out", str(out), "--anyway", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["kept"] is False and "not faster" in printed["verdict"]
    assert load_bundle(out).manifest.version == "1.0.0-int8"


def refusal(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert isinstance(stopped.value.code, str), capsys.readouterr().err
    return stopped.value.code


def test_bad_input_is_reported_and_nothing_written(
    source, pictures, labelled, tmp_path, capsys
) -> None:
    out = tmp_path / "out"
    empty = tmp_path / "empty"
    empty.mkdir()
    printed = refusal(capsys, source, "--calibrate", empty, "--out", out)
    assert printed.startswith(f"quantize: {empty}: no picture in it")
    printed = refusal(capsys, source, "--calibrate", tmp_path / "nowhere", "--out", out)
    assert printed.endswith("nowhere: no such folder")
    printed = refusal(capsys, empty, "--calibrate", pictures, "--out", out)
    assert "model.json is missing; a bundle is" in printed
    printed = refusal(capsys, source, "--calibrate", pictures, "--out", source)
    assert "--out is the bundle itself" in printed
    printed = refusal(capsys, source, "--half", "--out", source / "model.json")
    assert "--out is a file" in printed
    printed = refusal(capsys, source, "--half", "--out", out, "--evaluate", pictures)
    assert "neither VOC XML files nor a COCO" in printed
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"no picture at all")
    printed = refusal(capsys, source, "--calibrate", broken, "--out", out)
    assert f"{broken / 'a.jpg'}:" in printed and "take it out of the folder" in printed
    assert not out.exists()
