"""The image's figures as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.bench.image.imports import ByteCode
from scripts.bench.image.layers import Layer, sum_of_kinds

NAMES = ("packages", "code and model")  # of the Dockerfile's two layers
LARGEST = 20


@dataclass(frozen=True)
class Measured:
    """base: its layers, summed up. layers: those of the Dockerfile, in the order of NAMES. whole:
    unpacked bytes of the image with all that slim.py leaves out. imports: see time_imports."""

    base_name: str
    base: Layer
    layers: Sequence[Layer]
    whole: int
    byte_code: ByteCode
    imports: Mapping[str, float]

    @property
    def unpacked(self) -> int:
        return self.base.unpacked + sum(layer.unpacked for layer in self.layers)


def format_report(measured: Measured) -> str:
    rows = [("base", measured.base), *zip(NAMES, measured.layers, strict=True)]
    compressed = sum(layer.compressed for _, layer in rows)
    lines = ["| layer | unpacked, MB | compressed, MB |", "| --- | ---: | ---: |"]
    for name, layer in rows:
        lines.append(f"| {name} | {_mb(layer.unpacked)} | {_mb(layer.compressed)} |")
    lines.append(f"| **whole image** | **{_mb(measured.unpacked)}** | **{_mb(compressed)}** |")
    packages = measured.layers[0]
    kinds = ", ".join(f"{_mb(size)} MB {kind}" for kind, size in sum_of_kinds(packages).items())
    lines += [
        "",
        f"On `{measured.base_name}`. With all that `scripts/supply/slim.py` leaves out it would be "
        f"{_mb(measured.whole)} MB. An update of",
        f"code and model uploads {_mb(measured.layers[-1].compressed)} MB. The packages are "
        f"{kinds}.",
        "",
        f"| the {LARGEST} largest parts of the packages | MB | native code | byte code |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, part in packages.largest(LARGEST):
        lines.append(
            f"| `{name}` | {_mb(part.size)} | {_mb(part.native)} | {_mb(part.byte_code)} |"
        )
    lines += [
        "",
        f"`import handler.app` loads {measured.byte_code.modules} modules from sources, "
        f"{_missing(measured.byte_code)}.",
        "",
        "| CPU time of `import handler.app`, in a container | ms | ratio |",
        "| --- | ---: | ---: |",
    ]
    first = next(iter(measured.imports.values()))
    for name, took in measured.imports.items():
        lines.append(f"| {name} | {took:.0f} | {took / first:.2f} |")
    return "\n".join(lines)


def _missing(byte_code: ByteCode) -> str:
    if not byte_code.missing:
        return "each with its byte code"
    return f"{len(byte_code.missing)} of them without byte code: {', '.join(byte_code.missing)}"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"
