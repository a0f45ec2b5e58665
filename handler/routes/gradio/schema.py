"""The app as Gradio's clients ask for its description: `config` and `info`."""

from __future__ import annotations

from typing import Any

from handler.bundle.manifest import Manifest

CONFIG, PREFIX = "/config", "/gradio_api"  # paths
VERSION = "6.0.0"  # of the protocol that is spoken
PARAMETERS = ("image", "labels", "boxes", "threshold")
_FILE_SCHEMA = {
    "title": "ImageData",
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "url": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "orig_name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "meta": {
            "type": "object",
            "properties": {"_type": {"const": "gradio.FileData", "type": "string"}},
        },
    },
}


def config(manifest: Manifest, root: str, max_file_bytes: int) -> dict[str, Any]:
    """The app, one function with four inputs and three outputs. root: its URL, no last slash."""
    components = [
        (1, "image", "Picture", _FILE_SCHEMA),
        (2, "checkbox", "Show labels", {"type": "boolean"}),
        (3, "checkbox", "Show boxes", {"type": "boolean"}),
        (4, "slider", "Score threshold", {"type": "number"}),
        (5, "image", "Annotated picture", _FILE_SCHEMA),
        (6, "number", "Count", {"type": "number"}),
        (7, "json", "Detections", {}),
    ]
    return {
        "version": VERSION,
        "api_prefix": PREFIX,
        "mode": "interface",
        "title": manifest.name,
        "protocol": "sse_v3",
        "is_space": False,
        "enable_queue": True,
        "connect_heartbeat": False,
        "show_error": True,
        "root": root,
        "max_file_size": max_file_bytes,
        "components": [
            {
                "id": number,
                "type": kind,
                "props": {"label": label, "name": kind},
                "skip_api": False,
                "api_info": schema,
            }
            for number, kind, label, schema in components
        ],
        "dependencies": [
            {
                "id": 0,
                "targets": [],
                "inputs": [1, 2, 3, 4],
                "outputs": [5, 6, 7],
                "backend_fn": True,
                "js": None,
                "queue": False,  # @gradio/client then calls `run`, one request
                "api_name": "predict",
                "api_visibility": "public",
                "show_api": True,
                "types": {"generator": False, "cancel": False},
                "cancels": [],
                "connection": "sse",
            }
        ],
    }


def info(manifest: Manifest) -> dict[str, Any]:
    """Inputs and outputs of `/predict`, for `view_api` and for default values."""
    file_type = {"type": "filepath", "description": "a picture's file"}
    score = manifest.thresholds.score

    def parameter(name: str, label: str, kind: str, python: str, default: Any) -> dict[str, Any]:
        return {
            "label": label,
            "parameter_name": name,
            "parameter_has_default": True,
            "parameter_default": default,
            "type": {"type": kind},
            "python_type": {"type": python, "description": ""},
            "component": "Checkbox" if python == "bool" else "Slider",
            "example_input": default,
        }

    image = {
        "label": "Picture",
        "parameter_name": "image",
        "parameter_has_default": False,
        "parameter_default": None,
        "type": _FILE_SCHEMA,
        "python_type": file_type,
        "component": "Image",
        "example_input": None,
    }
    endpoint = {
        "parameters": [
            image,
            parameter("labels", "Show labels", "boolean", "bool", False),
            parameter("boxes", "Show boxes", "boolean", "bool", True),
            parameter("threshold", "Score threshold", "number", "float", score),
        ],
        "returns": [
            {
                "label": "Annotated picture", "type": _FILE_SCHEMA,
                "python_type": file_type, "component": "Image",
            },
            {
                "label": "Count", "type": {"type": "number"},
                "python_type": {"type": "int", "description": ""}, "component": "Number",
            },
            {
                "label": "Detections", "type": {},
                "python_type": {"type": "dict", "description": "label, score, box in px of each"},
                "component": "Json",
            },
        ],
        "api_visibility": "public",
        "description": f"Find {', '.join(manifest.classes)[:500]} on a picture and count them.",
    }  # fmt: skip
    return {"named_endpoints": {"/predict": endpoint}, "unnamed_endpoints": {}}
