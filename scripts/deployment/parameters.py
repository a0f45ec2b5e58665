"""The template's parameters of a stage, as samconfig.toml's `parameter_overrides` has them.

SAM reads them with a grammar of its own, and what it does not understand it drops without a word:
a bare `Name=`, or what is behind a line break. A dropped parameter keeps the value that the stack
has (`sam deploy` sends UsePreviousValue), so that a removed key would stay valid. This module reads
the same grammar, refuses what SAM would drop, and writes `Name=""` for an empty value. It needs the
standard library only: scripts/keys runs it with the system's Python.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.paths import ROOT
from scripts.tool import ToolError

SAMCONFIG = ROOT / "samconfig.toml"
STAGES = ("dev", "prod")
# One NAME=VALUE of SAM's command line: a value in quotes with backslashes before quotes, or bare.
_PAIR = re.compile(
    r"""(?P<name>[A-Za-z0-9]+)=(?P<value>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|[^\s"'\\])+)"""
)
# A string of TOML, or a comment, which may hold quotes.
_TOML_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.S
)


class ParametersError(ToolError):
    """samconfig.toml has no such section, or parameters that SAM would not read as they are meant;
    the text says which."""


def read_samconfig(path: Path = SAMCONFIG) -> str:
    """The text of samconfig.toml. Raises ParametersError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParametersError(f"{path} cannot be read: {error}") from None


def read_parameters(samconfig: str, stage: str) -> dict[str, str]:
    """The parameters of a stage by name, as SAM reads them. Raises ParametersError."""
    overrides = _read_overrides(samconfig, stage)
    if isinstance(overrides, dict):
        return {name: _value_of_table(name, value) for name, value in overrides.items()}
    parameters: dict[str, str] = {}
    for text in [overrides] if isinstance(overrides, str) else overrides:
        pairs = parse_pairs(text)
        if twice := parameters.keys() & pairs.keys():
            raise ParametersError(
                f"samconfig.toml's [{stage}] has {', '.join(sorted(twice))} twice"
            )
        parameters |= pairs
    return parameters


def set_parameter(samconfig: str, stage: str, name: str, value: str) -> str:
    """The text of samconfig.toml with one parameter changed or added, all else as it is.

    An empty value is written, too: a parameter that is left out keeps its old value in the stack.
    Raises ParametersError.
    """
    wanted = read_parameters(samconfig, stage) | {name: value}
    start, end, is_list = _span_of_overrides(samconfig, stage)
    strings = [
        match
        for match in _TOML_TOKEN.finditer(samconfig, start, end)
        if not match[0].startswith("#")
    ]
    for match in strings:
        pairs = parse_pairs(tomllib.loads(f"text = {match[0]}")["text"])
        if name in pairs or not is_list:
            new = _toml_string(format_pairs(pairs | {name: value}))
            changed = samconfig[: match.start()] + new + samconfig[match.end() :]
            break
    else:  # a list without it
        after = strings[-1].end() if strings else start + 1
        indent = (
            re.search(r"\n[ \t]*$", samconfig[start : strings[-1].start()]) if strings else None
        )
        new = ("," if strings else "") + (indent[0] if indent else " " * bool(strings))
        new += _toml_string(format_pairs({name: value}))
        changed = samconfig[:after] + new + samconfig[after:]
    _check_only_changed(samconfig, changed, stage, wanted)
    return changed


def parse_pairs(text: str) -> dict[str, str]:
    """The parameters in `Name=value Other="another value"`. Raises ParametersError for all that SAM
    would drop or misread."""
    pairs: dict[str, str] = {}
    position = 0
    stripped = text.strip(" ")
    while position < len(stripped):
        match = _PAIR.match(stripped, position)
        ends = match is not None and stripped[match.end() : match.end() + 1] in ("", " ")
        if match is None or not ends or match["name"] == "ParameterKey":
            raise ParametersError(_explain_rest(stripped[position:]))
        if match["name"] in pairs:
            raise ParametersError(f"the parameter {match['name']} is there twice")
        pairs[match["name"]] = _unquote(match["value"])
        position = match.end()
        while position < len(stripped) and stripped[position] == " ":
            position += 1
    return pairs


def format_pairs(parameters: Mapping[str, str]) -> str:
    """The parameters as SAM reads them back. Raises ParametersError for a value that its grammar
    cannot hold."""
    return " ".join(format_pair(name, value) for name, value in parameters.items())


def format_pair(name: str, value: str) -> str:
    """One parameter as SAM's command line takes it: `Name=value`, `Name=""`, `Name="a value"`."""
    if not re.fullmatch(r"[A-Za-z0-9]+", name):
        raise ParametersError(f"{name!r} is no name of a parameter: letters and digits only")
    if "\\" in value or any(ord(letter) < 32 for letter in value):
        raise ParametersError(
            f"{name}: SAM cannot pass on a value with a backslash or a control character: {value!r}"
        )
    if value and not re.search(r"[^A-Za-z0-9_.,:/@+*-]", value):
        return f"{name}={value}"
    return '{}="{}"'.format(name, value.replace('"', '\\"'))


def stack_name(samconfig: str, stage: str) -> str:
    """The name of the stage's stack. Raises ParametersError."""
    return _option(samconfig, stage, "stack_name") or f"icebox-{stage}"


def deploy_region(samconfig: str, stage: str) -> str | None:
    """The region that samconfig.toml names for the stage, None where AWS's own settings decide."""
    return _option(samconfig, stage, "region")


def _option(samconfig: str, stage: str, name: str) -> str | None:
    """An option of `sam deploy` in samconfig.toml, its command's before the one for all."""
    for command in ("deploy", "global"):
        value = _lookup(samconfig, stage, command, "parameters", name)
        if isinstance(value, str) and value:
            return value
    return None


def _lookup(samconfig: str, *names: str) -> Any:
    """A value by the names of the tables around it, None where there is none."""
    try:
        value: Any = tomllib.loads(samconfig)
    except tomllib.TOMLDecodeError as error:
        raise ParametersError(f"samconfig.toml is no TOML: {error}") from None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _read_overrides(samconfig: str, stage: str) -> str | list[str] | dict[str, Any]:
    expected = (
        f"samconfig.toml has no [{stage}.deploy.parameters] with "
        "parameter_overrides = 'Name=value …' or a list of such texts"
    )
    overrides = _lookup(samconfig, stage, "deploy", "parameters", "parameter_overrides")
    is_list = isinstance(overrides, list) and all(isinstance(each, str) for each in overrides)
    if not (isinstance(overrides, str | dict) or is_list):
        raise ParametersError(expected)
    assert isinstance(overrides, str | list | dict)
    return overrides


def _value_of_table(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ParametersError(
        f"samconfig.toml: {name} = {value!r} among the parameters; write it in quotes, as the "
        'template takes it ("true", "1,2")'
    )


def _explain_rest(rest: str) -> str:
    shown = rest[:60] + ("…" if len(rest) > 60 else "")
    if match := re.match(r"([A-Za-z0-9]+)=(?=\s|$)", rest):
        return (
            f"the parameter {match[1]} is empty: SAM drops `{match[1]}=`, and the stack keeps what "
            f'it has; write {match[1]}=""'
        )
    if rest.startswith("file://") or rest.startswith("ParameterKey="):
        return f"parameters are written as Name=value here, not as {shown!r}"
    return (
        f'parameter_overrides: {shown!r} is not Name=value or Name="a value" with one space '
        "between (no line breaks, which SAM takes for a part of the value)"
    )


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value.replace("\\ ", " ").replace('\\"', '"').replace("\\'", "'")


def _span_of_overrides(samconfig: str, stage: str) -> tuple[int, int, bool]:
    """Where the value of parameter_overrides begins and ends, and whether it is a list."""
    found = re.search(
        rf"^\[{re.escape(stage)}\.deploy\.parameters\][^\n]*\n(?:(?!\[).*\n)*?"
        r"parameter_overrides[ \t]*=[ \t]*",
        samconfig,
        re.M,
    )
    if found is None:
        raise ParametersError(
            f"samconfig.toml: [{stage}.deploy.parameters] has no line of parameter_overrides that "
            "could be changed; change it by hand"
        )
    start = found.end()
    if not samconfig.startswith("[", start):
        match = _TOML_TOKEN.match(samconfig, start)
        return start, match.end() if match else start, False
    position = start + 1
    while samconfig[position : position + 1] != "]":
        match = _TOML_TOKEN.match(samconfig, position)
        position = match.end() if match else position + 1
    return start, position + 1, True


def _toml_string(text: str) -> str:
    """A literal string where it can be one: the grammar's own quotes stay readable in it."""
    if "'" in text or any(ord(letter) < 32 for letter in text):
        return json.dumps(text, ensure_ascii=False)
    return f"'{text}'" if '"' in text else f'"{text}"'


def _check_only_changed(before: str, after: str, stage: str, wanted: Mapping[str, str]) -> None:
    """That a change of the text changed what it was to change, and nothing else."""
    old, new = tomllib.loads(before), tomllib.loads(after)
    for parsed in (old, new):
        del parsed[stage]["deploy"]["parameters"]["parameter_overrides"]
    if old != new or read_parameters(after, stage) != wanted:
        raise ParametersError(
            f"samconfig.toml: the parameters of [{stage}.deploy.parameters] are written in a way "
            "that this command cannot change; change them by hand"
        )


def only_known(parameters: Mapping[str, str], known: Sequence[str]) -> None:
    """Refuse parameters that the template has not, which SAM would drop. Raises ParametersError."""
    if unknown := sorted(set(parameters) - set(known)):
        raise ParametersError(
            f"the template has no parameter {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
