"""Make, list and remove the API's keys, as digests in samconfig.toml for the next deployment.

    scripts/keys new dev          add a key to the stack of [dev]; its other keys stay valid
    scripts/keys list dev         list the digests of its keys
    scripts/keys remove dev 3f9a  remove the key whose digest starts with 3f9a

A key has 256 random bits and is printed once. Its SHA-256 digest reveals nothing about it, so
samconfig.toml can be committed. The module needs the standard library only: scripts/keys runs it
with the system's Python.
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import sys
from pathlib import Path

from handler.storage.location import write_atomically
from scripts.deployment.parameters import (
    SAMCONFIG,
    ParametersError,
    read_parameters,
    read_samconfig,
    set_parameter,
)
from scripts.tool import exit_on_error

PARAMETER = "ApiKeySha256"
PREFIX = "icebox_"  # lets scanners for leaked secrets recognise a key


class KeysError(ParametersError):
    """samconfig.toml has no such key; the text says what it has."""


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """The key's SHA-256 in hexadecimal, as in the setting API_KEY_SHA256."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_digests(samconfig: str, environment: str) -> list[str]:
    """The digests in the text of samconfig.toml. Raises ParametersError."""
    value = read_parameters(samconfig, environment).get(PARAMETER, "")
    return [digest for digest in value.split(",") if digest]


def replace_digests(samconfig: str, environment: str, digests: list[str]) -> str:
    """The text of samconfig.toml with these digests, all else unchanged. Raises ParametersError.

    None at all is written as `ApiKeySha256=""`: without the parameter, the stack would keep those
    it has.
    """
    return set_parameter(samconfig, environment, PARAMETER, ",".join(digests))


def add_key(environment: str | None, path: Path) -> str:
    """Make a key and, with an environment, add its digest; the report. Raises ParametersError."""
    key = new_key()
    lines = [f"key      {key}", f"sha256   {digest(key)}"]
    if environment:
        samconfig = read_samconfig(path)
        digests = [*read_digests(samconfig, environment), digest(key)]
        write_atomically(path, replace_digests(samconfig, environment, digests).encode())
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


def list_keys(environment: str, path: Path) -> str:
    """The digests of an environment, one a line. Raises ParametersError."""
    digests = read_digests(read_samconfig(path), environment)
    return "\n".join(digests) or f"[{environment}] has no key; scripts/keys new makes one"


def remove_key(environment: str, prefix: str, path: Path) -> str:
    """Remove the one digest that starts with `prefix`. Returns the report. Raises KeysError."""
    samconfig = read_samconfig(path)
    digests = read_digests(samconfig, environment)
    matches = [digest for digest in digests if prefix and digest.startswith(prefix.lower())]
    if len(matches) != 1:
        raise KeysError(
            f"{len(matches)} digests of [{environment}] begin with {prefix!r}, not one; "
            f"there are {', '.join(digests) or 'none'}"
        )
    digests.remove(matches[0])
    write_atomically(path, replace_digests(samconfig, environment, digests).encode())
    return (
        f"removed  {matches[0]}\n"
        f"next     scripts/deploy {environment}, which refuses that key from then on"
    )


def run(argv: list[str] | None, path: Path = SAMCONFIG) -> str:
    """Run one command on the samconfig.toml at `path`; the report. Raises ParametersError."""
    parser = argparse.ArgumentParser(
        prog="scripts/keys", description="The keys that open the API, by their digests."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    environment_help = "a section of samconfig.toml: dev or prod"
    command = commands.add_parser("new", help="make a key; with a stack's name, add it there")
    command.add_argument("environment", nargs="?", help=environment_help)
    command = commands.add_parser("list", help="list the digests of the keys")
    command.add_argument("environment", help=environment_help)
    command = commands.add_parser("remove", help="remove a key")
    command.add_argument("environment", help=environment_help)
    command.add_argument("digest", help="the key's digest, or its first digits")
    options = parser.parse_args(argv)
    if options.command == "new":
        return add_key(options.environment, path)
    if options.command == "list":
        return list_keys(options.environment, path)
    return remove_key(options.environment, options.digest, path)


def main(argv: list[str] | None = None) -> int:
    with exit_on_error("scripts/keys"):
        print(run(argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
