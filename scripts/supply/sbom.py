"""A software bill of materials of an image: CycloneDX 1.6, https://cyclonedx.org/docs/1.6/json/

The same image has the same text: no time, and a serial number that follows from what is in it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scripts.supply.contents import Contents, File, Package
from scripts.supply.licences import Licences

_NAMESPACE = uuid.UUID("6f1f5d0e-8c53-4b6f-9d0e-3a5c2f3f2b11")  # of this project's SBOMs


@dataclass(frozen=True)
class Subject:
    """The image: its name, the code's version and commit, and what it stands on. base_digest: empty
    where the base image came from no registry. model: name, version and sha256 of model.onnx."""

    name: str
    version: str
    revision: str
    base_name: str
    base_digest: str
    model: Mapping[str, str]


def make_sbom(subject: Subject, contents: Contents, licences: Licences) -> dict[str, Any]:
    """The document. Every package and library of `contents` has an entry in `licences`."""
    base: dict[str, Any] = {
        "type": "container",
        "bom-ref": "base",
        "name": subject.base_name,
        "description": "Its own packages are not listed here",
    }
    if subject.base_digest:
        base["version"] = subject.base_digest
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": subject.model["name"],
        "version": subject.model["version"],
        "hashes": [_sha256(subject.model["sha256"])],
    }
    components = [
        base,
        model,
        *(_package(each, contents, licences) for each in contents.packages),
    ]
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": subject.name,
                "version": subject.version,
                "properties": [{"name": "icebox:revision", "value": subject.revision}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": "image", "dependsOn": [each["bom-ref"] for each in components]},
        ],
    }
    digest = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}"
    return document


def _package(package: Package, contents: Contents, licences: Licences) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "licenses": [{"expression": licences.packages[package.name]["licence"]}],
    }
    folder = f"{package.name.replace('-', '_')}.libs"
    bundled = [
        _library(file, licences)
        for file in contents.libraries
        if PurePosixPath(file.path).parent.name == folder
    ]
    if bundled:
        component["components"] = bundled
    return component


def _library(file: File, licences: Licences) -> dict[str, Any]:
    entry = licences.of_library(file) or {}
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": file.path,
        "name": PurePosixPath(file.path).name,
        "hashes": [_sha256(file.sha256)],
        "licenses": [{"expression": entry["licence"]}],
    }
    if "sources" in entry:
        component["externalReferences"] = [{"type": "vcs", "url": entry["sources"]}]
    return component


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
