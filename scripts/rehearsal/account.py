"""The account that the stand-in plays: its number, its region, its ARNs, and AWS's errors."""

from __future__ import annotations

import secrets
import string

ACCOUNT = "123456789012"  # moto's
PARTITION = "aws"
KEY_ID, SECRET = "rehearsal", "rehearsal"


class AwsError(Exception):
    """What a service refuses. code: the name of the error, as boto3 shows it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class UnknownError(AwsError):
    """What AWS does and the stand-in does not: an error is better than a false success."""

    def __init__(self, what: str) -> None:
        super().__init__("ValidationError", f"the stand-in does not know {what}")


def arn(service: str, region: str, resource: str) -> str:
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT}:{resource}"


def token(length: int, letters: str = string.ascii_uppercase + string.digits) -> str:
    """A random text, as AWS puts behind the names that it makes."""
    return "".join(secrets.choice(letters) for _ in range(length))
