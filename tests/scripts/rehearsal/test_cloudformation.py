"""The stand-in's stacks, with resources that only remember: what is made, changed, taken back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from scripts.rehearsal.account import AwsError
from scripts.rehearsal.cloudformation.api import CloudFormation
from scripts.rehearsal.cloudformation.execute import Executor
from scripts.rehearsal.cloudformation.kinds import Call, Made
from scripts.rehearsal.cloudformation.reading import Reading
from scripts.rehearsal.cloudformation.stack import Resource

REGION = "eu-central-1"
TEMPLATE = """
Parameters:
  Keys: { Type: String, Default: "", AllowedPattern: "[a-z,]*" }
  Open: { Type: String, Default: "false", AllowedValues: ["true", "false"] }
  Origins: { Type: CommaDelimitedList, Default: "*" }
Rules:
  SomebodyIsLetIn:
    Assertions:
      - Assert: !Or [!Not [!Equals [!Ref Keys, ""]], !Equals [!Ref Open, "true"]]
        AssertDescription: Who may call?
Conditions:
  IsOpen: !Equals [!Ref Open, "true"]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Join ["-", !Ref Origins]
      DisplayName: !Sub "${Keys} of ${Group} in ${AWS::Region}, ${!literal}"
  Group:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: RetainExceptOnCreate
    Properties:
      LogGroupName: !If [IsOpen, open, !Ref AWS::NoValue]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: IsOpen
    Properties: { ComparisonOperator: x, EvaluationPeriods: 1, AlarmActions: [!GetAtt Topic.Arn] }
Outputs:
  Name: { Value: !Ref Topic }
"""


@dataclass
class Remembered:
    """A type of resource. broken: names at which it fails."""

    things: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def create(self, call: Call) -> Made:
        self._check(call)
        name = f"{call.logical_id}-{len(self.things)}"
        self.things[name] = dict(call.properties)
        return Made(name, {"Arn": f"arn:{name}"})

    def update(self, call: Call, old: Resource) -> Made:
        self.things[old.physical_id] = dict(call.properties)  # half done where it fails
        self._check(call)
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        del self.things[resource.physical_id]

    def _check(self, call: Call) -> None:
        if call.logical_id in self.broken and not call.is_rollback:
            raise AwsError("InternalFailure", f"{call.logical_id} is broken")


class World:
    """CloudFormation with such types."""

    def __init__(self) -> None:
        self.kind = Remembered()
        types = ("AWS::SNS::Topic", "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm")
        executor = Executor(REGION, dict.fromkeys(types, self.kind), lambda _: None)
        self.api = CloudFormation(REGION, executor, lambda: None)
        self.reading = Reading(self.api.stacks)

    def change(self, kind: str = "UPDATE", template: str = TEMPLATE, **parameters: Any) -> str:
        """Make a change set and execute it; the stack's status. None: UsePreviousValue."""
        given = [
            {"ParameterKey": name, "UsePreviousValue": True}
            if value is None
            else {"ParameterKey": name, "ParameterValue": value}
            for name, value in parameters.items()
        ]
        made = self.api.create_change_set(
            {
                "StackName": "one",
                "ChangeSetName": f"c{len(self.events())}",
                "ChangeSetType": kind,
                "TemplateBody": template,
                "Parameters": given,
            }
        )
        described = self.reading.describe_change_set({"ChangeSetName": made["Id"]})
        if described["Status"] == "FAILED":
            return str(described["StatusReason"])
        self.api.execute_change_set({"ChangeSetName": made["Id"]})
        return str(self.stack()["StackStatus"])

    def stack(self) -> Any:
        (stack,) = self.reading.describe_stacks({"StackName": "one"})["Stacks"]
        return stack

    def parameters(self) -> dict[str, str]:
        return {e["ParameterKey"]: e["ParameterValue"] for e in self.stack()["Parameters"]}

    def events(self) -> list[tuple[str, str, str]]:
        try:
            events = self.reading.describe_events({"StackName": "one"})["StackEvents"]
        except AwsError:
            return []
        found = [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", ""))
            for e in events
        ]
        return found[::-1]


@pytest.fixture
def world() -> World:
    return World()


def test_a_stack_has_what_its_template_says(world: World) -> None:
    assert world.change("CREATE", Keys="ab", Origins="x,y") == "CREATE_COMPLETE"
    assert world.kind.things == {
        "Group-0": {},
        "Topic-1": {
            "TopicName": "x-y",
            "DisplayName": "ab of Group-0 in eu-central-1, ${literal}",
        },
    }
    assert world.stack()["Outputs"] == [{"OutputKey": "Name", "OutputValue": "Topic-1"}]


def test_a_parameter_that_is_not_named_keeps_its_value_only_by_use_previous_value(
    world: World,
) -> None:
    world.change("CREATE", Keys="ab", Open="true")
    assert world.change(Keys=None, Open=None, Origins="z") == "UPDATE_COMPLETE"
    assert world.parameters() == {"Keys": "ab", "Open": "true", "Origins": "z"}
    assert world.change(Open=None) == "UPDATE_COMPLETE"
    assert world.parameters() == {"Keys": "", "Open": "true", "Origins": "*"}


def test_an_empty_value_is_a_value(world: World) -> None:
    world.change("CREATE", Keys="ab", Open="true")
    assert world.change(Keys="", Open=None, Origins=None) == "UPDATE_COMPLETE"
    assert world.parameters()["Keys"] == ""


def test_what_changes_nothing_is_no_change_set(world: World) -> None:
    world.change("CREATE", Keys="ab")
    assert "didn't contain changes" in world.change(Keys=None, Open=None, Origins=None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Who may call"),
        ({"Keys": "A"}, "must match pattern"),
        ({"Keys": "a", "Open": "yes"}, "must be one of"),
        ({"Keys": "a", "Kye": "b"}, "do not exist in the template"),
        ({"Keys": None}, "usePreviousValue"),
    ],
)
def test_it_refuses_parameters_as_cloudformation_does(
    world: World, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(AwsError, match=said):
        world.change("CREATE", **given)
    assert world.kind.things == {}


def test_a_type_that_it_does_not_know_fails_and_is_named(world: World) -> None:
    template = TEMPLATE.replace("AWS::SNS::Topic", "AWS::SQS::Queue").replace(
        "TopicName", "QueueName"
    )
    template = template.replace("      DisplayName", "      KmsMasterKeyId")
    assert world.change("CREATE", template, Keys="a") == "ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in world.events() if status == "CREATE_FAILED"]
    assert reasons == ["the stand-in does not know resources of type AWS::SQS::Queue"]


def test_a_property_that_the_type_lacks_fails(world: World) -> None:
    template = TEMPLATE.replace("DisplayName", "DisplayNmae")
    assert world.change("CREATE", template, Keys="a") == "ROLLBACK_COMPLETE"
    assert any("unsupported property DisplayNmae" in reason for *_, reason in world.events())


def test_a_first_deployment_that_fails_leaves_nothing_that_is_retained_except_on_create(
    world: World,
) -> None:
    world.kind.broken.add("Topic")
    assert world.change("CREATE", Keys="a") == "ROLLBACK_COMPLETE"
    assert world.kind.things == {}
    with pytest.raises(AwsError, match="ROLLBACK_COMPLETE state and can not be updated"):
        world.change(Keys="b")


def test_retain_leaves_an_orphan(world: World) -> None:
    world.kind.broken.add("Topic")
    world.change("CREATE", TEMPLATE.replace("RetainExceptOnCreate", "Retain"), Keys="a")
    assert list(world.kind.things) == ["Group-0"]


def test_a_failed_update_gives_back_the_old_properties_and_deletes_what_is_new(
    world: World,
) -> None:
    world.change("CREATE", Keys="a")
    before = json.dumps(world.kind.things)
    world.kind.broken.add("Alarm")
    assert world.change(Keys="b", Open="true") == "UPDATE_ROLLBACK_COMPLETE"
    assert json.dumps(world.kind.things) == before
    assert world.parameters()["Keys"] == "a"
    assert ("Alarm", "CREATE_FAILED", "Alarm is broken") in world.events()
    world.kind.broken.clear()
    assert world.change(Keys="b", Open="true") == "UPDATE_COMPLETE"
    assert [name for name in world.kind.things if name.startswith("Alarm")]


def test_an_update_that_fails_half_way_in_a_resource_takes_it_back_too(world: World) -> None:
    world.change("CREATE", Keys="a")
    world.kind.broken.add("Topic")
    assert world.change(Keys="b") == "UPDATE_ROLLBACK_COMPLETE"
    assert world.kind.things["Topic-1"]["DisplayName"].startswith("a of")


def test_a_property_that_cannot_be_changed_makes_a_new_resource(world: World) -> None:
    world.change("CREATE", Keys="a", Origins="x")
    assert world.change(Keys=None, Origins="y") == "UPDATE_COMPLETE"
    assert list(world.kind.things) == ["Group-0", "Topic-2"]  # TopicName can be set only once
    assert world.stack()["Outputs"][0]["OutputValue"] == "Topic-2"


def test_what_is_removed_from_the_template_is_deleted(world: World) -> None:
    world.change("CREATE", Keys="a", Open="true")
    assert "Alarm-2" in world.kind.things
    assert world.change(Keys=None, Open="false") == "UPDATE_COMPLETE"
    assert not [name for name in world.kind.things if name.startswith("Alarm")]


def test_deleting_leaves_what_is_retained(world: World) -> None:
    world.change("CREATE", Keys="a")
    identity = world.stack()["StackId"]
    world.api.delete_stack({"StackName": "one"})
    assert list(world.kind.things) == ["Group-0"]
    with pytest.raises(AwsError, match="Stack with id one does not exist"):
        world.stack()
    (gone,) = world.reading.describe_stacks({"StackName": identity})["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert world.change("CREATE", Keys="a") == "CREATE_COMPLETE"


def test_a_circle_of_references_is_refused(world: World) -> None:
    template = TEMPLATE.replace("!If [IsOpen, open, !Ref AWS::NoValue]", "!Ref Topic")
    with pytest.raises(AwsError, match="Circular dependency"):
        world.change("CREATE", template, Keys="a")


def test_what_is_not_there_cannot_be_referred_to(world: World) -> None:
    with pytest.raises(AwsError, match=r"Unresolved resource dependencies \[Nothing\]"):
        world.change("CREATE", TEMPLATE.replace("${Group}", "${Nothing}"), Keys="a")
