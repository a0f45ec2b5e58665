"""Check that ONNX Runtime computes from an exported network what PyTorch computes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime

from scripts.model.candidates import TOLERANCE, Candidates, compare_candidates
from scripts.model.icevision.candidate_network import CandidateNetwork
from scripts.tool import ToolError


def verify_onnx(
    network: CandidateNetwork, model: onnx.ModelProto, width: int, height: int
) -> float:
    """Run both on noise and on a gradient, and return the largest difference.

    Boxes differ relative to the input's longer side. Raises ToolError where a difference exceeds
    TOLERANCE.
    """
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    largest = 0.0
    for name, normalised in _test_inputs(width, height).items():
        expected = network.run(normalised)
        actual = Candidates(*session.run(["boxes", "scores"], {"image": normalised}))
        difference = compare_candidates(expected, actual, float(max(width, height)))
        if difference is None:
            shapes = [tuple(array.shape for array in each) for each in (expected, actual)]
            raise ToolError(
                f"on {name} PyTorch gives boxes and scores of shapes {shapes[0]}, "
                f"ONNX Runtime {shapes[1]}, that do not match"
            )
        for output, gap in difference._asdict().items():
            largest = max(largest, gap)
            if not gap <= TOLERANCE:
                raise ToolError(
                    f"on {name} the {output} of PyTorch and ONNX Runtime differ by {gap:.2g}"
                )
    return largest


def _test_inputs(width: int, height: int) -> dict[str, np.ndarray]:
    """Normalised pictures float32 (1, 3, height, width), by name."""
    down, across = (np.linspace(-2, 2, side, dtype=np.float32) for side in (height, width))
    gradient = np.broadcast_to(down[:, None] + across[None, :], (1, 3, height, width)) / 2
    noise = np.random.default_rng(0).normal(0, 1, (1, 3, height, width)).astype(np.float32)
    return {"noise": noise, "a gradient": np.ascontiguousarray(gradient)}
