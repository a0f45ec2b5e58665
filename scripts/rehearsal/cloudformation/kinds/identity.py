"""IAM: roles with their inline and managed policies. Nothing is enforced by them."""

from __future__ import annotations

import json
from typing import Any

from scripts.rehearsal.account import UnknownError
from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made
from scripts.rehearsal.cloudformation.stack import Resource

KNOWN = {
    *("RoleName", "Description", "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns"),
    *("Path", "Tags", "MaxSessionDuration"),
}


class Role:
    def __init__(self, iam: Any) -> None:
        self._iam = iam

    def create(self, call: Call) -> Made:
        given = call.properties
        if extra := given.keys() - KNOWN:
            raise UnknownError(f"a role's {', '.join(sorted(extra))}")
        name = call.name("RoleName")
        role = self._iam.create_role(
            RoleName=name,
            Path=given.get("Path", "/"),
            AssumeRolePolicyDocument=json.dumps(given["AssumeRolePolicyDocument"]),
            Description=given.get("Description", ""),
            Tags=[tag for tag in call.tags() if not tag["Key"].startswith("aws:")],
        )["Role"]
        self._put_policies(name, call)
        return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(self, call: Call, old: Resource) -> Made:
        name = old.physical_id
        self._iam.update_assume_role_policy(
            RoleName=name, PolicyDocument=json.dumps(call.properties["AssumeRolePolicyDocument"])
        )
        self._remove_policies(name)
        self._put_policies(name, call)
        return Made(name, old.attributes)

    def delete(self, resource: Resource) -> None:
        self._remove_policies(resource.physical_id)
        self._iam.delete_role(RoleName=resource.physical_id)

    def _put_policies(self, name: str, call: Call) -> None:
        for policy in call.properties.get("Policies") or ():
            self._iam.put_role_policy(
                RoleName=name,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )
        for arn in call.properties.get("ManagedPolicyArns") or ():
            self._attach(name, arn)

    def _attach(self, name: str, arn: str) -> None:
        try:
            self._iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        except self._iam.exceptions.NoSuchEntityException:
            if not arn.startswith("arn:aws:iam::aws:policy/"):  # AWS's own, which moto lacks
                raise

    def _remove_policies(self, name: str) -> None:
        for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]:
            self._iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for attached in self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            self._iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])


def kinds(iam: Any) -> dict[str, Kind]:
    return {"AWS::IAM::Role": Role(iam)}
