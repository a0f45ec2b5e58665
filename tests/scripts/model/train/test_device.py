"""A GPU is used where there is one, in the precision that it computes fast, and that is said."""

from __future__ import annotations

import json

from tests.support.training import Training, needs_training

pytestmark = needs_training


def test_the_device_and_its_precision(training: Training) -> None:
    ran = training.run("tests.scripts.model.train.device_choices")
    assert ran.code == 0, ran.error
    assert json.loads(ran.out) == {
        "A10G": {
            "says": "training on cuda:0, NVIDIA A10G, mixed precision (bfloat16)",
            "scales": False,
        },
        # It emulates bfloat16, slowly; float16 needs its gradients scaled.
        "T4": {"says": "training on cuda:0, Tesla T4, mixed precision (float16)", "scales": True},
        "CPU": {"says": "training on the CPU, 2 threads", "scales": False},
        "CPU with bfloat16": {
            "says": "training on the CPU, 1 thread, mixed precision (bfloat16)",
            "scales": False,
        },
        "CPU with bfloat16, RetinaNet": {"says": "training on the CPU, 1 thread", "scales": False},
    }
