"""What a request goes through and a release moves by: HTTP APIs, CodeDeploy, image repositories."""

from __future__ import annotations

from scripts.rehearsal.account import UnknownError, token
from scripts.rehearsal.cloudformation.kinds.kind import Call, Kind, Made, is_true
from scripts.rehearsal.cloudformation.stack import Resource
from scripts.rehearsal.code_deploy import CodeDeploy, Group
from scripts.rehearsal.http_apis import HttpApi, HttpApis
from scripts.rehearsal.images import Images, Repository


class Api:
    def __init__(self, apis: HttpApis, region: str) -> None:
        self._apis = apis
        self._region = region

    def create(self, call: Call) -> Made:
        name = token(10).lower()
        self._put(name, call)
        host = f"{name}.execute-api.{self._region}.amazonaws.com"
        return Made(name, {"ApiId": name, "ApiEndpoint": f"https://{host}"})

    def update(self, call: Call, old: Resource) -> Made:
        self._put(old.physical_id, call)
        return Made(old.physical_id, old.attributes)

    def delete(self, resource: Resource) -> None:
        self._apis.remove(resource.physical_id)

    def _put(self, name: str, call: Call) -> None:
        if "Body" not in call.properties:
            raise UnknownError("HTTP APIs without a definition in the property Body")
        self._apis.put(HttpApi(name, call.stack_name, call.properties["Body"]))


class Stage:
    """The stage $default, which serves the API as it is (AutoDeploy)."""

    def create(self, call: Call) -> Made:
        if call.properties.get("StageName") != "$default":
            raise UnknownError("stages of an HTTP API but $default")
        return Made("$default")

    def update(self, call: Call, old: Resource) -> Made:
        return self.create(call)

    def delete(self, resource: Resource) -> None:
        """Nothing: it goes with its API."""


class Application:
    def __init__(self, code_deploy: CodeDeploy) -> None:
        self._code_deploy = code_deploy

    def create(self, call: Call) -> Made:
        if call.properties.get("ComputePlatform") != "Lambda":
            raise UnknownError("CodeDeploy for anything but Lambda")
        name = call.name("ApplicationName", 100)
        self._code_deploy.groups.setdefault(name, {})
        return Made(name)

    def update(self, call: Call, old: Resource) -> Made:
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        self._code_deploy.groups.pop(resource.physical_id, None)


class DeploymentGroup:
    def __init__(self, code_deploy: CodeDeploy) -> None:
        self._code_deploy = code_deploy

    def create(self, call: Call) -> Made:
        name = call.name("DeploymentGroupName", 100)
        self._put(name, call)
        return Made(name)

    def update(self, call: Call, old: Resource) -> Made:
        self._put(old.physical_id, call)
        return Made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        application = self._code_deploy.groups.get(resource.properties["ApplicationName"], {})
        application.pop(resource.physical_id, None)

    def _put(self, name: str, call: Call) -> None:
        given = call.properties
        alarms = given.get("AlarmConfiguration") or {}
        rollback = given.get("AutoRollbackConfiguration") or {}
        group = Group(
            config=given.get("DeploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce"),
            alarms=tuple(each["Name"] for each in alarms.get("Alarms") or ())
            if is_true(alarms.get("Enabled", True))
            else (),
            rolls_back_on=tuple(rollback.get("Events") or ())
            if is_true(rollback.get("Enabled"))
            else (),
        )
        self._code_deploy.put_group(given["ApplicationName"], name, group)


class ImageRepository:
    def __init__(self, images: Images) -> None:
        self._images = images

    def create(self, call: Call) -> Made:
        name = call.name("RepositoryName", 200).lower()
        self._images.create(self._of(name, call))
        return self._made(name)

    def update(self, call: Call, old: Resource) -> Made:
        self._images.change(self._of(old.physical_id, call))
        return self._made(old.physical_id)

    def delete(self, resource: Resource) -> None:
        force = is_true(resource.properties.get("EmptyOnDelete"))
        self._images.delete(resource.physical_id, force)

    def _of(self, name: str, call: Call) -> Repository:
        given = call.properties
        lifecycle = (given.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")
        scanning = (given.get("ImageScanningConfiguration") or {}).get("ScanOnPush")
        mutability = given.get("ImageTagMutability", "MUTABLE")
        return Repository(name, mutability, lifecycle, scan=is_true(scanning))

    def _made(self, name: str) -> Made:
        return Made(name, {"Arn": self._images.arn(name), "RepositoryUri": self._images.uri(name)})


def kinds(apis: HttpApis, code_deploy: CodeDeploy, images: Images, region: str) -> dict[str, Kind]:
    return {
        "AWS::ApiGatewayV2::Api": Api(apis, region),
        "AWS::ApiGatewayV2::Stage": Stage(),
        "AWS::CodeDeploy::Application": Application(code_deploy),
        "AWS::CodeDeploy::DeploymentGroup": DeploymentGroup(code_deploy),
        "AWS::ECR::Repository": ImageRepository(images),
    }
