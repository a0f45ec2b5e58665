"""Lambda's operations over HTTP, for tools, for the canary function and for CodeDeploy's hooks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.functions import (
    LATEST,
    Alias,
    Function,
    Functions,
    Version,
    alias_of,
    configuration,
    decoded_context,
    image_of,
)

Parameters = dict[str, Any]


def operations(
    functions: Functions, concurrent_executions: int
) -> dict[str, Callable[[Parameters], Any]]:
    """By name. concurrent_executions: the quota of the account."""

    def resolved(asked: Parameters) -> tuple[Function, str | None]:
        function = functions.find(asked["FunctionName"])
        return function, asked.get("Qualifier") or functions.split(asked["FunctionName"])[1]

    def version(asked: Parameters) -> tuple[Function, Version, str | None]:
        function, qualifier = resolved(asked)
        alias = function.aliases.get(qualifier or "")
        number = alias.version if alias else qualifier or LATEST
        if number not in function.versions:
            name = functions.arn(function.name, qualifier)
            raise AwsError("ResourceNotFoundException", f"Function not found: {name}")
        return function, function.versions[number], qualifier if alias else None

    def get_function_configuration(asked: Parameters) -> Any:
        function, found, alias = version(asked)
        said = configuration(functions, function, found)
        return said | ({"FunctionArn": functions.arn(function.name, alias)} if alias else {})

    def get_function(asked: Parameters) -> Any:
        function, found, _ = version(asked)
        said = {"Configuration": get_function_configuration(asked), "Code": image_of(found)}
        if function.reserved is not None:
            said["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return said

    def invoke(asked: Parameters) -> Any:
        function, qualifier = resolved(asked)
        context = asked.get("ClientContext")
        decoded_context(context)
        payload = asked.get("Payload") or b"{}"
        if asked.get("InvocationType") == "DryRun":
            return {"StatusCode": 204}
        number, outcome = functions.invoke(function.name, qualifier, payload, context)
        said: dict[str, Any] = {
            "StatusCode": 200,
            "Payload": outcome.payload,
            "ExecutedVersion": number,
        }
        if asked.get("LogType") == "Tail":
            said["LogResult"] = base64.b64encode(outcome.log.encode()).decode()
        return said | ({"FunctionError": outcome.function_error} if outcome.function_error else {})

    def list_versions(asked: Parameters) -> Any:
        function, _ = resolved(asked)
        versions = function.versions.values()
        return {"Versions": [configuration(functions, function, each) for each in versions]}

    def list_functions(_: Parameters) -> Any:
        found = functions.all()
        return {"Functions": [configuration(functions, f, f.versions[LATEST]) for f in found]}

    def get_alias(asked: Parameters) -> Any:
        return alias_of(functions, functions.find(asked["FunctionName"]), asked["Name"])

    def list_aliases(asked: Parameters) -> Any:
        function, _ = resolved(asked)
        return {"Aliases": [alias_of(functions, function, name) for name in function.aliases]}

    def put_alias(asked: Parameters) -> Any:
        function, name = functions.find(asked["FunctionName"]), asked["Name"]
        alias = function.aliases.setdefault(name, Alias(LATEST))
        number = asked.get("FunctionVersion", alias.version)
        weights = (asked.get("RoutingConfig") or {}).get("AdditionalVersionWeights")
        for each in (number, *(weights or ())):
            if each not in function.versions:
                raise AwsError("ResourceNotFoundException", f"Function not found: version {each}")
        alias.version = number
        if weights is not None:
            alias.weights = {key: float(weight) for key, weight in weights.items()}
        alias.description = asked.get("Description", alias.description)
        return get_alias(asked)

    def update_alias(asked: Parameters) -> Any:
        get_alias(asked)
        return put_alias(asked)

    def delete_function(asked: Parameters) -> Any:
        function, qualifier = resolved(asked)
        if not qualifier:
            functions.delete(function.name)
        else:
            functions.delete_version(function.name, qualifier)

    def get_policy(asked: Parameters) -> Any:
        function, qualifier = resolved(asked)
        found = {
            key: each
            for key, each in function.permissions.items()
            if each.get("Qualifier") == qualifier
        }
        if not found:
            raise AwsError(
                "ResourceNotFoundException", "The resource you requested does not exist."
            )
        statements = [
            {
                "Sid": key,
                "Effect": "Allow",
                "Principal": {"Service": each["Principal"]},
                "Action": each["Action"],
                "Resource": functions.arn(function.name, qualifier),
                "Condition": {"ArnLike": {"AWS:SourceArn": each.get("SourceArn")}},
            }
            for key, each in found.items()
        ]
        return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}

    def get_concurrency(asked: Parameters) -> Any:
        reserved = resolved(asked)[0].reserved
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def account_settings(_: Parameters) -> Any:
        reserved = sum(each.reserved or 0 for each in functions.all())
        limit = {
            "ConcurrentExecutions": concurrent_executions,
            "UnreservedConcurrentExecutions": concurrent_executions - reserved,
        }
        return {"AccountLimit": limit, "AccountUsage": {"FunctionCount": len(functions.all())}}

    return {
        "GetFunction": get_function,
        "GetFunctionConfiguration": get_function_configuration,
        "ListFunctions": list_functions,
        "ListVersionsByFunction": list_versions,
        "PublishVersion": lambda asked: configuration(
            functions, resolved(asked)[0], functions.publish(resolved(asked)[0].name)
        ),
        "DeleteFunction": delete_function,
        "Invoke": invoke,
        "GetAlias": get_alias,
        "ListAliases": list_aliases,
        "CreateAlias": put_alias,
        "UpdateAlias": update_alias,
        "GetPolicy": get_policy,
        "GetFunctionConcurrency": get_concurrency,
        "GetAccountSettings": account_settings,
        "ListTags": lambda _: {"Tags": {}},
    }
