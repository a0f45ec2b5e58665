"""Gradio: `python gradio_app.py PORT`. It shows the annotated picture and the count, as IceVision's
demos do; ANNOTATES=0 leaves the picture out."""

import os
import sys
from typing import Any

import gradio
from detection import Detector
from PIL import Image, ImageDraw

detector = Detector()
COLOUR, WIDTH_PX = "#FF59D6", 4


def detect(image: Image.Image) -> dict[str, Any]:
    return detector.detect(image)


def detect_and_draw(image: Image.Image) -> tuple[Image.Image, int, dict[str, Any]]:
    answer = detector.detect(image)
    draw = ImageDraw.Draw(image)
    for detection in answer["detections"]:
        draw.rectangle(detection["box"], outline=COLOUR, width=WIDTH_PX)
    return image, answer["count"], answer


picture = gradio.Image(type="pil", label="Picture")
if os.environ.get("ANNOTATES") == "0":
    demo = gradio.Interface(detect, picture, gradio.JSON(), api_name="detect")
else:
    outputs = [gradio.Image(label="Cells"), gradio.Number(label="Count"), gradio.JSON()]
    demo = gradio.Interface(detect_and_draw, picture, outputs, api_name="detect")

if __name__ == "__main__":
    demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]))
