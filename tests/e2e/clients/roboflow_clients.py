"""Run one of Roboflow's own clients, in .venv-clients, and print its result as JSON.

roboflow_clients.py URL inference-sdk|roboflow PICTURE CONFIDENCE KEY
"""

from __future__ import annotations

import json
import sys
from typing import Any


def inference_sdk(url: str, picture: str, confidence: float, key: str) -> dict[str, Any]:
    """As people use it with the hosted API, whose dialect (v0) another URL has to be told."""
    import supervision
    from inference_sdk import InferenceConfiguration, InferenceHTTPClient

    client = InferenceHTTPClient(api_url=url, api_key=key).select_api_v0()
    client.configure(
        InferenceConfiguration(confidence_threshold=confidence, api_key_transport="legacy")
    )
    found = client.infer(picture, model_id="cells/3")
    return {
        "predictions": found["predictions"],
        "xyxy": supervision.Detections.from_inference(found).xyxy.tolist(),
    }


def roboflow(url: str, picture: str, confidence: float, key: str) -> dict[str, Any]:
    from roboflow.models.object_detection import ObjectDetectionModel

    model = ObjectDetectionModel(
        key, "workspace/cells/3", name="cells", version="3", local=f"{url}/"
    )
    found = model.predict(picture, confidence=round(confidence * 100))
    return {"predictions": found.json()["predictions"]}


def main() -> None:
    url, client, picture, confidence, key = sys.argv[1:]
    run = {"inference-sdk": inference_sdk, "roboflow": roboflow}[client]
    try:
        told = run(url, picture, float(confidence), key)
    except Exception as error:  # what a person would see
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
