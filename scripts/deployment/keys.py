"""A new key out, printed once; its SHA-256 digest into samconfig.toml, for the next deployment.

    scripts/keys new dev          a key more for the stack of [dev]; those there go on working
    scripts/keys list dev         the digests that stand there
    scripts/keys remove dev 3f9a  the key whose digest begins so is refused from then on

Only digests are kept: of 256 random bits they tell nothing, so samconfig.toml can be committed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
import sys
import tomllib
from pathlib import Path

from scripts.paths import ROOT

SAMCONFIG = ROOT / "samconfig.toml"
PARAMETER = "ApiKeySha256"
PREFIX = "icebox_"  # so that a scanner for leaked secrets can tell what it has found


class KeysError(Exception):
    """What cannot be done with the keys, and what to do instead."""


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """As the setting API_KEY_SHA256 has it."""
    return hashlib.sha256(key.encode()).hexdigest()


def read(text: str, environment: str) -> list[str]:
    """The digests in samconfig.toml's text. Raises KeysError."""
    return [each for each in _overrides(text, environment).get(PARAMETER, "").split(",") if each]


def write(text: str, environment: str, digests: list[str]) -> str:
    """samconfig.toml's text with those digests, all else as it was. Raises KeysError."""
    overrides = _overrides(text, environment)
    overrides.pop(PARAMETER, None)
    if digests:
        overrides[PARAMETER] = ",".join(digests)
    joined = " ".join(f"{name}={value}" for name, value in overrides.items())
    section = re.compile(
        rf'(^\[{environment}\.deploy\.parameters\]\n(?:(?!\[).*\n)*?parameter_overrides = )".*"',
        re.M,
    )
    changed, count = section.subn(lambda found: f'{found[1]}"{joined}"', text)
    if count != 1:
        raise KeysError(
            f"samconfig.toml: [{environment}.deploy.parameters] has no line of parameter_overrides"
        )
    return changed


def _overrides(text: str, environment: str) -> dict[str, str]:
    try:
        written = tomllib.loads(text)[environment]["deploy"]["parameters"]["parameter_overrides"]
        return dict(pair.split("=", 1) for pair in written.split())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KeysError(
            f"samconfig.toml has no [{environment}.deploy.parameters] with "
            f'parameter_overrides = "Name=value …" ({error})'
        ) from None


def run(arguments: list[str], path: Path = SAMCONFIG) -> str:
    """What is to be printed. Raises KeysError."""
    parser = argparse.ArgumentParser(
        prog="scripts/keys", description="The keys that open the API, by their digests."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("new", help="make a key; with a stack's name, let it in there")
    verb.add_argument("environment", nargs="?", help="a section of samconfig.toml: dev or prod")
    verb = verbs.add_parser("list", help="the digests that are let in")
    verb.add_argument("environment", help="a section of samconfig.toml: dev or prod")
    verb = verbs.add_parser("remove", help="let a key in no longer")
    verb.add_argument("environment", help="a section of samconfig.toml: dev or prod")
    verb.add_argument("digest", help="its digest, or how it begins")
    asked = parser.parse_args(arguments)
    text = path.read_text(encoding="utf-8")
    if asked.verb == "new":
        return _new(asked.environment, text, path)
    digests = read(text, asked.environment)
    if asked.verb == "list":
        return "\n".join(digests) or f"[{asked.environment}] has no key; scripts/keys new makes one"
    chosen = [each for each in digests if asked.digest and each.startswith(asked.digest.lower())]
    if len(chosen) != 1:
        raise KeysError(
            f"{len(chosen)} digests of [{asked.environment}] begin with {asked.digest!r}, not one; "
            f"there are {', '.join(digests) or 'none'}"
        )
    digests.remove(chosen[0])
    path.write_text(write(text, asked.environment, digests), encoding="utf-8")
    return (
        f"removed  {chosen[0]}\n"
        f"next     scripts/deploy {asked.environment}, which refuses that key from then on"
    )


def _new(environment: str | None, text: str, path: Path) -> str:
    key = new_key()
    lines = [f"key      {key}", f"sha256   {digest(key)}"]
    if environment:
        digests = [*read(text, environment), digest(key)]
        path.write_text(write(text, environment, digests), encoding="utf-8")
        lines.append(
            f"next     scripts/deploy {environment}; samconfig.toml's [{environment}] lets it in"
            + (f", beside {len(digests) - 1} more" if len(digests) > 1 else "")
        )
    else:
        lines.append(
            f"next     deploy with {PARAMETER}={digest(key)} among samconfig.toml's "
            "parameter_overrides"
        )
    lines.append("The key is shown this once; send it as `Authorization: Bearer KEY`.")
    return "\n".join(lines)


def main() -> int:
    try:
        print(run(sys.argv[1:]))
    except KeysError as error:
        print(f"scripts/keys: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
