"""CloudFormation's operations over HTTP, as SAM, boto3's waiters and the project's tools call them.

What a template says is checked before anything happens: parameters, rules, capabilities, the
transform, references. Operations then run in a thread for each stack.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from scripts.rehearsal.account import AwsError, UnknownError, arn
from scripts.rehearsal.cloudformation import document, parameters, plan, transform
from scripts.rehearsal.cloudformation.execute import Executor
from scripts.rehearsal.cloudformation.reading import Reading
from scripts.rehearsal.cloudformation.stack import (
    DELETED,
    REVIEW,
    ChangeSet,
    Source,
    Stack,
    new_stack,
)
from scripts.rehearsal.cloudformation.stacks import Stacks

Parameters = dict[str, Any]
CAPABILITIES = {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
EMPTY_CHANGE = (
    "The submitted information didn't contain changes. Submit different information to create a"
    " change set."
)
QUICK_S = 5.0  # an operation that ends by then is over when its call returns: waiters poll slowly


class CloudFormation:
    """The stacks of a region."""

    def __init__(self, region: str, executor: Executor, s3: Callable[[], Any]) -> None:
        self._region = region
        self._executor = executor
        self._s3 = s3
        self.stacks = Stacks()
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Callable[[Parameters], Any]]:
        return {
            **Reading(self.stacks).operations(),
            "CreateChangeSet": self.create_change_set,
            "ExecuteChangeSet": self.execute_change_set,
            "DeleteChangeSet": self.delete_change_set,
            "CreateStack": self.create_stack,
            "UpdateStack": self.update_stack,
            "DeleteStack": self.delete_stack,
            "CancelUpdateStack": self.cancel_update,
            "ContinueUpdateRollback": self.continue_update_rollback,
            "UpdateTerminationProtection": self.protect,
            "GetTemplateSummary": self.get_template_summary,
            "ValidateTemplate": self.get_template_summary,
        }

    # -- change sets

    def create_change_set(self, asked: Parameters) -> Any:
        kind = asked.get("ChangeSetType", "UPDATE")
        with self._lock:
            stack = self.stacks.by_name(asked["StackName"])
            if kind == "CREATE":
                if stack and stack.status != REVIEW:
                    raise _refused(
                        f"Stack [{stack.name}] already exists and cannot be created again with the"
                        f" changeSet [{asked['ChangeSetName']}]."
                    )
                if not stack:
                    stack = new_stack(asked["StackName"], self._region)
                    source = self._source(stack, asked, is_transformed=True)
                    stack.say(REVIEW, "User Initiated")
                    self.stacks.all.append(stack)
                else:
                    source = self._source(stack, asked, is_transformed=True)
            elif kind == "UPDATE":
                stack = self.stacks.get(asked["StackName"])
                self._check_updatable(stack)
                source = self._source(stack, asked, is_transformed=True)
            else:
                raise UnknownError(f"change sets of type {kind}")
        name = asked["ChangeSetName"]
        if name in stack.change_sets:
            raise AwsError("AlreadyExistsException", f"ChangeSet {name} already exists")
        identity = arn("cloudformation", self._region, f"changeSet/{name}/{uuid.uuid4()}")
        status, reason, changes = "CREATE_COMPLETE", None, []
        if kind == "UPDATE" and not plan.differs(stack, source, self._region):
            status, reason = "FAILED", EMPTY_CHANGE
        else:
            changes = plan.changes(stack, source, self._region)
        stack.change_sets[name] = ChangeSet(
            *(name, identity, source, kind == "CREATE", changes, status, reason),
            execution="AVAILABLE" if status != "FAILED" else "UNAVAILABLE",
            description=asked.get("Description", ""),
        )
        return {"Id": identity, "StackId": stack.id}

    def execute_change_set(self, asked: Parameters) -> Any:
        with self._lock:
            stack, found = self.stacks.change_set(asked)
            if found.execution != "AVAILABLE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{found.id}] cannot be executed in its current status"
                    f" of [{found.status}]",
                )
            if stack.in_progress:
                raise _refused(
                    f"Stack:{stack.id} is in {stack.status} state and can not be updated"
                )
            stack.change_sets.clear()  # CloudFormation deletes the others, too
            keep = bool(asked.get("DisableRollback"))
            self._start(stack, found.source, is_new=found.is_new, keep_failed=keep)

    def delete_change_set(self, asked: Parameters) -> Any:
        stack, found = self.stacks.change_set(asked)
        del stack.change_sets[found.name]

    # -- stacks

    def create_stack(self, asked: Parameters) -> Any:
        with self._lock:
            if self.stacks.by_name(asked["StackName"]):
                raise AwsError(
                    "AlreadyExistsException", f"Stack [{asked['StackName']}] already exists"
                )
            stack = new_stack(asked["StackName"], self._region)
            source = self._source(stack, asked)
            stack.protected = bool(asked.get("EnableTerminationProtection"))
            self.stacks.all.append(stack)
            keep = bool(asked.get("DisableRollback")) or asked.get("OnFailure") == "DO_NOTHING"
            self._start(stack, source, is_new=True, keep_failed=keep)
        return {"StackId": stack.id}

    def update_stack(self, asked: Parameters) -> Any:
        with self._lock:
            stack = self.stacks.get(asked["StackName"])
            self._check_updatable(stack)
            source = self._source(stack, asked)
            if not plan.differs(stack, source, self._region):
                raise _refused("No updates are to be performed.")
            keep = bool(asked.get("DisableRollback"))
            self._start(stack, source, is_new=False, keep_failed=keep)
        return {"StackId": stack.id}

    def delete_stack(self, asked: Parameters) -> Any:
        with self._lock:
            try:
                stack = self.stacks.get(asked["StackName"])
            except AwsError:
                return  # as in AWS: nothing is deleted
            if stack.protected:
                raise _refused(
                    f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            if stack.in_progress:
                raise _refused(
                    f"Stack:{stack.id} is in {stack.status} state and can not be deleted"
                )
            retained = set(asked.get("RetainResources") or ())
            if retained and stack.status != "DELETE_FAILED":
                raise _refused(
                    "Invalid operation on stack [" + stack.id + "]. Specifying RetainResources is"
                    " allowed for stacks in DELETE_FAILED state only"
                )
            stack.say("DELETE_IN_PROGRESS", "User Initiated")
            self._run(stack, lambda: self._executor.delete(stack, retained))

    def cancel_update(self, asked: Parameters) -> Any:
        stack = self.stacks.get(asked["StackName"])
        if stack.status != "UPDATE_IN_PROGRESS":
            raise _refused("CancelUpdateStack cannot be called from current stack status")
        self._executor.cancel(stack)

    def continue_update_rollback(self, asked: Parameters) -> Any:
        stack = self.stacks.get(asked["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise _refused(f"Stack {stack.name} is not in UPDATE_ROLLBACK_FAILED")
        raise UnknownError("ContinueUpdateRollback")

    def protect(self, asked: Parameters) -> Any:
        stack = self.stacks.get(asked["StackName"])
        stack.protected = asked["EnableTerminationProtection"]
        return {"StackId": stack.id}

    def get_template_summary(self, asked: Parameters) -> Any:
        if "StackName" in asked:
            source = self.stacks.get(asked["StackName"]).source
            template = document.parse(source.body) if source.body else source.template
        else:
            template = document.parse(self._body(asked))
        declared = [
            {
                "ParameterKey": name,
                "ParameterType": each["Type"],
                "NoEcho": bool(each.get("NoEcho")),
                "Description": each.get("Description", ""),
                **({"DefaultValue": str(each["Default"])} if "Default" in each else {}),
            }
            for name, each in (template.get("Parameters") or {}).items()
        ]
        types = sorted({each["Type"] for each in template["Resources"].values()})
        return {
            "Parameters": declared,
            "Description": template.get("Description", ""),
            "ResourceTypes": types,
            "Version": "2010-09-09",
            "DeclaredTransforms": [template["Transform"]] if "Transform" in template else [],
        }

    # -- what they share

    def _source(self, stack: Stack, asked: Parameters, is_transformed: bool = False) -> Source:
        """What is asked for, checked. is_transformed: by a change set, which shows what a transform
        makes; else CAPABILITY_AUTO_EXPAND must allow it."""
        has_old = stack.status != REVIEW and bool(stack.source.body)
        use_old = asked.get("UsePreviousTemplate")
        body = stack.source.body if use_old else self._body(asked)
        written = document.parse(body)
        previous = stack.source.texts if has_old else None
        texts = parameters.texts(written, asked.get("Parameters") or (), previous)
        capabilities = set(asked.get("Capabilities") or ())
        if written.get("Transform") and not is_transformed:
            _need(capabilities, {"CAPABILITY_AUTO_EXPAND"}, "CAPABILITY_AUTO_EXPAND")
        template = transform.expand(written, texts, self._region)
        tags = tuple((tag["Key"], tag["Value"]) for tag in asked.get("Tags") or ())
        if not asked.get("Tags") and has_old:
            tags = stack.source.tags
        source = Source(body, template, texts, tags, tuple(sorted(capabilities)))
        rules = {**template, "Rules": written.get("Rules")}
        parameters.check_rules(rules, plan.scope(source, stack, self._region, None))
        found, _ = plan.definitions(source, stack, self._region)
        roles = [each for each in found.values() if each["Type"] == "AWS::IAM::Role"]
        if any("RoleName" in each["Properties"] for each in roles):
            _need(capabilities, {"CAPABILITY_NAMED_IAM"}, "CAPABILITY_NAMED_IAM")
        elif roles:
            _need(capabilities, CAPABILITIES, "CAPABILITY_IAM")
        return source

    def _body(self, asked: Mapping[str, Any]) -> str:
        if "TemplateBody" in asked:
            return str(asked["TemplateBody"])
        if "TemplateURL" not in asked:
            raise _refused("Either Template URL or Template Body must be specified.")
        path = urlsplit(asked["TemplateURL"])
        bucket, _, key = path.path.lstrip("/").partition("/")
        if ".s3." in path.netloc and not path.netloc.startswith("s3."):
            bucket, key = path.netloc.partition(".s3.")[0], path.path.lstrip("/")
        content = self._s3().get_object(Bucket=bucket, Key=unquote(key))["Body"].read()
        return str(content.decode())

    def _start(self, stack: Stack, source: Source, *, is_new: bool, keep_failed: bool) -> None:
        stack.say("CREATE_IN_PROGRESS" if is_new else "UPDATE_IN_PROGRESS", "User Initiated")
        work = self._executor.create if is_new else self._executor.update
        self._run(stack, lambda: work(stack, source, keep_failed))

    def _run(self, stack: Stack, work: Callable[[], None]) -> None:
        stack.worker = threading.Thread(target=work, daemon=True)
        stack.worker.start()
        stack.worker.join(QUICK_S)

    def _check_updatable(self, stack: Stack) -> None:
        allowed = stack.status.endswith("_COMPLETE") and stack.status not in (
            "ROLLBACK_COMPLETE",
            DELETED,
        )
        if not allowed and stack.status != "UPDATE_FAILED":
            raise _refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def _need(given: set[str], any_of: set[str], named: str) -> None:
    if not given & any_of:
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{named}]")


def _refused(message: str) -> AwsError:
    return AwsError("ValidationError", message)
