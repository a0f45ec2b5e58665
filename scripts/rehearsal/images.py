"""ECR: repositories, which are names in the local registry, and the images in them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.rehearsal.account import ACCOUNT, AwsError, arn
from scripts.rehearsal.registry import Registry

Parameters = dict[str, Any]


@dataclass
class Repository:
    name: str
    mutability: str = "MUTABLE"
    lifecycle: str | None = None
    policy: str | None = None
    scan: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class Images:
    """The repositories of an account. Docker pushes past it, straight to the registry: so neither
    immutable tags nor a lifecycle are enforced, and a repository that nobody made takes images."""

    def __init__(self, region: str, registry: Registry) -> None:
        self._region = region
        self._registry = registry
        self._repositories: dict[str, Repository] = {}

    def create(self, repository: Repository) -> None:
        if repository.name in self._repositories:
            raise AwsError("RepositoryAlreadyExistsException", f"{repository.name} already exists")
        self._repositories[repository.name] = repository

    def change(self, repository: Repository) -> None:
        created = self.find(repository.name).created
        repository.created = created
        self._repositories[repository.name] = repository

    def find(self, name: str) -> Repository:
        if name not in self._repositories:
            raise AwsError(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry '{ACCOUNT}'",
            )
        return self._repositories[name]

    def delete(self, name: str, force: bool) -> Repository:
        repository = self.find(name)
        if (tags := self._registry.tags(name)) and not force:
            raise AwsError(
                "RepositoryNotEmptyException",
                f"The repository with name '{name}' cannot be deleted because it still contains"
                " images",
            )
        for tag in tags:
            if digest := self._registry.digest(name, tag):
                self._registry.delete(name, digest)
        del self._repositories[name]
        return repository

    def uri(self, name: str) -> str:
        return f"{self._registry.address}/{name}"

    def arn(self, name: str) -> str:
        return arn("ecr", self._region, f"repository/{name}")

    def details(self, name: str) -> list[dict[str, Any]]:
        self.find(name)
        tags: dict[str, list[str]] = {}
        for tag in self._registry.tags(name):
            if digest := self._registry.digest(name, tag):
                tags.setdefault(digest, []).append(tag)
        return [
            {
                "registryId": ACCOUNT,
                "repositoryName": name,
                "imageDigest": digest,
                "imageTags": names,
                "imagePushedAt": datetime.now(UTC),
            }
            for digest, names in tags.items()
        ]

    def remove(self, name: str, ids: list[dict[str, str]]) -> dict[str, Any]:
        self.find(name)
        gone, failures = [], []
        for each in ids:
            digest = self._registry.digest(name, each.get("imageDigest") or each["imageTag"])
            if digest:
                self._registry.delete(name, digest)
                gone.append({**each, "imageDigest": digest})
            else:
                failures.append({"imageId": each, "failureCode": "ImageNotFound"})
        return {"imageIds": gone, "failures": failures}

    def describe(self, repository: Repository) -> dict[str, Any]:
        return {
            "repositoryArn": self.arn(repository.name),
            "registryId": ACCOUNT,
            "repositoryName": repository.name,
            "repositoryUri": self.uri(repository.name),
            "createdAt": repository.created,
            "imageTagMutability": repository.mutability,
            "imageScanningConfiguration": {"scanOnPush": repository.scan},
        }

    def operations(self) -> dict[str, Callable[[Parameters], Any]]:
        def create(asked: Parameters) -> Any:
            made = Repository(asked["repositoryName"], asked.get("imageTagMutability", "MUTABLE"))
            self.create(made)
            return {"repository": self.describe(made)}

        def describe(asked: Parameters) -> Any:
            names = asked.get("repositoryNames") or [*self._repositories]
            return {"repositories": [self.describe(self.find(name)) for name in names]}

        def images(asked: Parameters) -> Any:
            found = self.details(asked["repositoryName"])
            if ids := asked.get("imageIds"):
                found = [each for each in found if any(_names(one, each) for one in ids)]
                if not found:
                    raise AwsError("ImageNotFoundException", f"no image {ids} in the repository")
            return {"imageDetails": found}

        def get(asked: Parameters) -> Any:
            name = asked["repositoryName"]
            self.find(name)
            found, failures = [], []
            for each in asked["imageIds"]:
                reference = each.get("imageDigest") or each["imageTag"]
                manifest = self._registry.manifest(name, reference)
                if manifest:
                    text, media_type = manifest
                    found.append(
                        {
                            "registryId": ACCOUNT,
                            "repositoryName": name,
                            "imageId": each,
                            "imageManifest": text.decode(),
                            "imageManifestMediaType": media_type,
                        }
                    )
                else:
                    failures.append({"imageId": each, "failureCode": "ImageNotFound"})
            return {"images": found, "failures": failures}

        def put(asked: Parameters) -> Any:
            repository, tag = self.find(asked["repositoryName"]), asked["imageTag"]
            manifest = asked["imageManifest"].encode()
            digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
            there = self._registry.digest(repository.name, tag)
            if there == digest:
                raise AwsError("ImageAlreadyExistsException", f"{tag} is that image already")
            if there and repository.mutability == "IMMUTABLE":
                raise AwsError("ImageTagAlreadyExistsException", f"{tag} is immutable")
            media_type = asked.get("imageManifestMediaType") or json.loads(manifest)["mediaType"]
            if not self._registry.tag(repository.name, tag, manifest, media_type):
                raise AwsError("LayersNotFoundException", f"the registry takes no manifest {tag}")
            said = {"imageDigest": digest, "imageTag": tag}
            return {"image": {"repositoryName": repository.name, "imageId": said}}

        def lifecycle(asked: Parameters) -> Any:
            repository = self.find(asked["repositoryName"])
            if not repository.lifecycle:
                raise AwsError("LifecyclePolicyNotFoundException", "no lifecycle policy")
            return {
                "repositoryName": repository.name,
                "lifecyclePolicyText": repository.lifecycle,
            }

        def token(_: Parameters) -> Any:
            said = {
                "authorizationToken": base64.b64encode(b"AWS:rehearsal").decode(),
                "expiresAt": datetime.now(UTC) + timedelta(hours=12),
                "proxyEndpoint": f"http://{self._registry.address}",
            }
            return {"authorizationData": [said]}

        return {
            "GetAuthorizationToken": token,
            "CreateRepository": create,
            "DescribeRepositories": describe,
            "DeleteRepository": lambda asked: {
                "repository": self.describe(
                    self.delete(asked["repositoryName"], asked.get("force", False))
                )
            },
            "DescribeImages": images,
            "ListImages": lambda asked: {
                "imageIds": [
                    {"imageDigest": each["imageDigest"], "imageTag": tag}
                    for each in self.details(asked["repositoryName"])
                    for tag in each["imageTags"]
                ]
            },
            "BatchDeleteImage": lambda asked: self.remove(
                asked["repositoryName"], asked["imageIds"]
            ),
            "BatchGetImage": get,
            "PutImage": put,
            "GetLifecyclePolicy": lifecycle,
        }


def _names(asked: dict[str, str], image: dict[str, Any]) -> bool:
    return (
        asked.get("imageDigest") == image["imageDigest"]
        or asked.get("imageTag") in image["imageTags"]
    )
