"""Colour-blind eyes tell classes apart: by colour, and by dashes where there are many."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np

from handler.detection import annotate
from tests.e2e.browser.conftest import opened
from tests.e2e.browser.pictures import ALL, squares
from tests.support.app import App

PICTURE = ("squares.png", "image/png", squares())
# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SEEN_BY = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# sRGB's primaries and white D65 (IEC 61966-2-1).
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = [0.9505, 1.0, 1.089]
MIN_DIFFERENCE = 15  # CIE 1976; 2.3 is just noticeable


def linear(colour: tuple[int, ...]) -> np.ndarray:
    c = np.array(colour) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array(TO_XYZ) @ rgb / WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_classes_differ_for_colour_blind_eyes_and_their_labels_can_be_read(
    chromium: Any, url: str, app: App
) -> None:
    many = ["red", "green", *(f"class {i}" for i in range(2, 18))]

    def with_many(route: Any) -> None:
        model = json.loads(app.send("GET", "/v1/model").body)
        route.fulfill(json=model | {"classes": many})

    def with_third(route: Any) -> None:
        answer = route.fetch()
        found = answer.json()
        found["detections"][-1] |= {"label": "class 7", "score": 0.9}
        route.fulfill(response=answer, json=found)

    def before(page: Any) -> None:
        page.route("**/v1/model", with_many)
        page.route("**/v1/detect?*", with_third)

    with opened(chromium, url, before=before) as visit:
        visit.choose(PICTURE)
        visit.expect_count(ALL)
        looks = visit.page.evaluate(
            "model.classes.map(name => [colourOf(name), dashOf(name), inkOn(colourOf(name))])"
        )
        chips = visit.page.locator("#classes .spot").evaluate_all(
            "all => all.map(each => each.style.border)"
        )
        visit.page.get_by_role("button", name="Only class 7").click()
        visit.expect_count(1)
        visit.page.get_by_role("button", name="None").click()
        visit.expect_count(0)
        visit.page.get_by_role("checkbox", name="green").check()
        visit.expect_count(1)
        visit.page.get_by_role("button", name="All classes").click()
        visit.expect_count(ALL)
    assert chips[:2] == ["2.5px solid rgb(213, 94, 0)", "2.5px solid rgb(0, 114, 178)"]
    assert chips[2:] == ["2.5px dashed rgb(0, 114, 178)"]
    rgb = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour, _, _ in looks]
    assert tuple(rgb[: len(annotate.COLOURS)]) == annotate.COLOURS  # the API draws the same
    assert len({(colour, dash) for colour, dash, _ in looks}) == len(many)
    for eyes, matrix in SEEN_BY.items():
        seen = [lab(np.clip(np.array(matrix) @ linear(colour), 0, 1)) for colour in rgb]
        for i, j in itertools.combinations(range(len(looks)), 2):
            if looks[i][1] == looks[j][1]:  # the same dash
                assert np.linalg.norm(seen[i] - seen[j]) > MIN_DIFFERENCE, (eyes, i, j)
    for colour, (_, _, ink) in zip(rgb, looks, strict=True):
        light = float(np.dot(TO_XYZ[1], linear(colour)))
        other = 1.0 if ink == "#fff" else 0.0
        assert (max(light, other) + 0.05) / (min(light, other) + 0.05) >= 4.5, colour
