"""Print as JSON which device is chosen on machines that this one is not. Runs in the training
environment."""

import json
from unittest import mock

import torch

from scripts.model.train.device import TrainingDevice, choose_device


def _describe(device: TrainingDevice) -> dict[str, object]:
    return {
        "says": device.describe(),
        "scales": device.scales_gradients,
    }


def _on_gpu(name: str, *, bfloat16: bool) -> dict[str, object]:
    """torch itself says that bfloat16 is supported where it is only emulated."""

    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return bfloat16 or including_emulation

    with mock.patch.multiple(
        torch.cuda,
        is_available=lambda: True,
        get_device_name=lambda _: name,
        is_bf16_supported=is_bf16_supported,
    ):
        return _describe(choose_device("torchvision.retinanet"))


def _on_cpu(family: str, *, threads: int, bfloat16: bool) -> dict[str, object]:
    former = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with (
            mock.patch.object(torch.cuda, "is_available", return_value=False),
            mock.patch.object(torch.cpu, "_is_avx512_bf16_supported", return_value=True),
            mock.patch.object(torch.cpu, "_is_amx_tile_supported", return_value=bfloat16),
        ):
            return _describe(choose_device(family))
    finally:
        torch.set_num_threads(former)


def main(argv: list[str]) -> None:
    choices = {
        "A10G": _on_gpu("NVIDIA A10G", bfloat16=True),
        "T4": _on_gpu("Tesla T4", bfloat16=False),
        "CPU": _on_cpu("ross.efficientdet", threads=2, bfloat16=False),
        "CPU with bfloat16": _on_cpu("ross.efficientdet", threads=1, bfloat16=True),
        "CPU with bfloat16, RetinaNet": _on_cpu("torchvision.retinanet", threads=1, bfloat16=True),
    }
    print(json.dumps(choices))
