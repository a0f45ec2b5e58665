"""The alias that a release moves from one version of the function to another."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alias:
    """version: the number of the version that gets what no other gets. new_version: of the one that
    requests are being moved to, None while there is none. share: of the requests that it gets."""

    version: str
    new_version: str | None
    share: float


def read_alias(client: Any, function: str, alias: str) -> Alias:
    """client: of Lambda. Raises botocore's errors."""
    answer = client.get_alias(FunctionName=function, Name=alias)
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for version, share in weights.items():  # an alias has one more version at most
        if share > 0:
            return Alias(answer["FunctionVersion"], version, float(share))
    return Alias(answer["FunctionVersion"], None, 0.0)


def published_at(client: Any, function: str, version: str) -> datetime | None:
    """A time before which a version cannot have answered; None where Lambda does not tell."""
    try:
        answer = client.get_function_configuration(FunctionName=function, Qualifier=version)
        # such as 2026-11-29T18:30:00.000+0000
        return datetime.strptime(answer["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    except (client.exceptions.ClientError, KeyError, ValueError) as error:
        logger.warning("when version %s was published is not known: %s", version, error)
        return None
