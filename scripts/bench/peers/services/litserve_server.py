"""LitServe: `python litserve_server.py PORT`."""

import sys
from typing import Any

import litserve
from detection import Detector
from fastapi import UploadFile
from PIL import Image


class DetectAPI(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.detector = Detector()

    def decode_request(self, request: UploadFile) -> Image.Image:
        return Image.open(request.file)

    def predict(self, image: Image.Image) -> dict[str, Any]:
        return self.detector.detect(image)

    def encode_response(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer


if __name__ == "__main__":
    server = litserve.LitServer(DetectAPI(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
