"""FastAPI on uvicorn: `uvicorn fastapi_app:app`."""

import os

from detection import Detector
from fastapi import FastAPI, HTTPException, UploadFile
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel


class Detection(BaseModel):
    label: str
    score: float
    box: tuple[float, float, float, float]


class Answer(BaseModel):
    count: int
    detections: list[Detection]


app = FastAPI()
detector = Detector(drafts=os.environ.get("DRAFTS") == "1")


@app.post("/detect")
def detect(file: UploadFile) -> Answer:  # no `async`: FastAPI runs it in a thread
    try:
        return Answer(**detector.detect(Image.open(file.file)))
    except UnidentifiedImageError as error:
        raise HTTPException(400, "the file is no picture") from error
