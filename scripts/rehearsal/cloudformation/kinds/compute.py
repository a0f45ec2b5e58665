"""Lambda: functions, versions, aliases and who may invoke them."""

from __future__ import annotations

import json
from typing import Any

from scripts.rehearsal.account import AwsError, UnknownError, token
from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made, Properties
from scripts.rehearsal.cloudformation.stack import Resource
from scripts.rehearsal.code_deploy import CodeDeploy, Shift
from scripts.rehearsal.functions import Alias as FunctionAlias
from scripts.rehearsal.functions import Functions


class Function:
    def __init__(self, functions: Functions, concurrent_executions: int) -> None:
        self._functions = functions
        self._limit = concurrent_executions

    def create(self, call: Call) -> Made:
        name = call.name("FunctionName")
        self._check(name, call.properties)
        self._functions.put(name, call.properties, is_new=True)
        return self._made(name)

    def update(self, call: Call, old: Resource) -> Made:
        self._check(old.physical_id, call.properties)
        self._functions.put(old.physical_id, call.properties, is_new=False)
        return self._made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        self._functions.delete(resource.physical_id)

    def _made(self, name: str) -> Made:
        return Made(name, {"Arn": self._functions.arn(name)})

    def _check(self, name: str, given: Properties) -> None:
        """Reserved concurrency must leave the account's other functions ten executions."""
        if (given.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
            raise UnknownError("snapshots of functions; rehearse with SnapStart=None")
        variables = json.dumps((given.get("Environment") or {}).get("Variables") or {})
        if len(variables) > 4096:
            raise AwsError(
                "InvalidParameterValueException",
                "Lambda was unable to configure your environment variables because the environment"
                " variables you have provided exceeded the 4KB limit.",
            )
        if given.get("ReservedConcurrentExecutions") is None:
            return
        others = sum(f.reserved or 0 for f in self._functions.all() if f.name != name)
        if self._limit - others - int(given["ReservedConcurrentExecutions"]) < 10:
            raise AwsError(
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's"
                " UnreservedConcurrentExecution below its minimum value of [10].",
            )


class Version:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def create(self, call: Call) -> Made:
        name = self._functions.find(call.properties["FunctionName"]).name
        before = {*self._functions.find(name).versions}
        version = self._functions.publish(name)
        if version.number in before:
            raise AwsError(
                "AlreadyExists",
                f"A version for this Lambda function exists ( {version.number} )."
                " Modify the function to create a new version.",
            )
        arn = self._functions.arn(name, version.number)
        return Made(arn, {"Version": version.number, "FunctionArn": arn})

    def update(self, call: Call, old: Resource) -> Made:
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        name, number = self._functions.split(resource.physical_id)
        self._functions.delete_version(name, str(number))


class Alias:
    """An alias. One whose version changes under CodeDeployLambdaAliasUpdate is moved by CodeDeploy,
    and fails with the deployment."""

    def __init__(self, functions: Functions, code_deploy: CodeDeploy) -> None:
        self._functions = functions
        self._code_deploy = code_deploy

    def create(self, call: Call) -> Made:
        function = self._functions.find(call.properties["FunctionName"])
        name, number = call.properties["Name"], call.properties["FunctionVersion"]
        if name in function.aliases:
            raise AwsError("ResourceConflictException", f"Alias already exists: {name}")
        self._check(call, number)
        function.aliases[name] = FunctionAlias(number)
        return Made(self._functions.arn(function.name, name), {"AliasArn": self._arn(call)})

    def update(self, call: Call, old: Resource) -> Made:
        function = self._functions.find(call.properties["FunctionName"])
        name, number = call.properties["Name"], call.properties["FunctionVersion"]
        self._check(call, number)
        alias = function.aliases[name]
        policy = call.update_policy.get("CodeDeployLambdaAliasUpdate")
        if policy and not call.is_rollback and alias.version != number:
            self._code_deploy.shift(
                Shift(
                    application=policy["ApplicationName"],
                    group=policy["DeploymentGroupName"],
                    function=function.name,
                    alias=name,
                    old=alias.version,
                    new=number,
                    before_hook=policy.get("BeforeAllowTrafficHook"),
                    after_hook=policy.get("AfterAllowTrafficHook"),
                    stack=call.stack_name,
                )
            )
        else:
            alias.version, alias.weights = number, {}
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        name, alias = self._functions.split(resource.physical_id)
        self._functions.find(name).aliases.pop(str(alias), None)

    def _check(self, call: Call, number: str) -> None:
        extra = call.properties.keys() - {"FunctionName", "FunctionVersion", "Name", "Description"}
        if extra:
            raise UnknownError(f"an alias's {', '.join(sorted(extra))}")
        function = self._functions.find(call.properties["FunctionName"])
        if number not in function.versions:
            name = self._functions.arn(function.name, number)
            raise AwsError("ResourceNotFoundException", f"Function not found: {name}")

    def _arn(self, call: Call) -> str:
        function = self._functions.find(call.properties["FunctionName"])
        return self._functions.arn(function.name, call.properties["Name"])


class Permission:
    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def create(self, call: Call) -> Made:
        given = call.properties
        function = self._functions.find(given["FunctionName"])
        qualifier = self._functions.split(given["FunctionName"])[1]
        known = (function.versions, function.aliases)
        if qualifier and not any(qualifier in names for names in known):
            name = self._functions.arn(function.name, qualifier)
            raise AwsError("ResourceNotFoundException", f"Function not found: {name}")
        identity = f"{call.stack_name}-{call.logical_id}-{token(12)}"
        function.permissions[identity] = {**given, "Qualifier": qualifier}
        return Made(identity, {"Id": identity})

    def update(self, call: Call, old: Resource) -> Made:
        self.delete(old)
        return self.create(call)

    def delete(self, resource: Resource) -> None:
        function = self._functions.find(resource.properties["FunctionName"])
        function.permissions.pop(resource.physical_id, None)


class EventInvokeConfig:
    """Retries of asynchronous invocations. The stand-in fires schedules once, without retries."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def create(self, call: Call) -> Made:
        function = self._functions.find(call.properties["FunctionName"])
        qualifier = call.properties["Qualifier"]
        if qualifier != "$LATEST" and qualifier not in {*function.versions, *function.aliases}:
            raise AwsError(
                "ResourceNotFoundException", f"Function not found: {function.name}:{qualifier}"
            )
        function.event_invoke[qualifier] = dict(call.properties)
        return Made(call.name(""))

    def update(self, call: Call, old: Resource) -> Made:
        self.create(call)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        function = self._functions.find(resource.properties["FunctionName"])
        function.event_invoke.pop(resource.properties["Qualifier"], None)


def kinds(
    functions: Functions, code_deploy: CodeDeploy, concurrent_executions: int
) -> dict[str, Kind]:
    made: dict[str, Any] = {
        "AWS::Lambda::Function": Function(functions, concurrent_executions),
        "AWS::Lambda::Version": Version(functions),
        "AWS::Lambda::Alias": Alias(functions, code_deploy),
        "AWS::Lambda::Permission": Permission(functions),
        "AWS::Lambda::EventInvokeConfig": EventInvokeConfig(functions),
    }
    return made
