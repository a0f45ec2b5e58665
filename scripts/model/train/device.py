"""Where a training computes, and how precisely: a GPU with mixed precision where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from scripts.model.plurals import counted

# torchvision's two-stage operators and YOLOv5 gain nothing from bfloat16 on a CPU.
FAMILIES_IN_BFLOAT16_ON_CPU = ("ross.efficientdet",)


@dataclass(frozen=True)
class TrainingDevice:
    """device: "cuda:0" or "cpu". dtype: of the forward pass under autocast, None for float32
    throughout. name: of the GPU."""

    device: torch.device
    dtype: torch.dtype | None
    name: str = ""

    @property
    def scales_gradients(self) -> bool:
        """float16 loses small gradients unless the loss is scaled up; bfloat16 has float32's
        range."""
        return self.dtype is torch.float16

    def autocast(self) -> torch.autocast:
        """The context that the forward pass runs in."""
        return torch.autocast(
            self.device.type, self.dtype or torch.bfloat16, enabled=self.dtype is not None
        )

    def make_gradient_scaler(self) -> torch.amp.GradScaler:
        """One that does nothing where gradients need no scaling."""
        return torch.amp.GradScaler(self.device.type, enabled=self.scales_gradients)

    def describe(self) -> str:
        """A sentence for the user."""
        if self.device.type == "cuda":
            where = f"{self.device}, {self.name}"
        else:
            where = f"the CPU, {counted(torch.get_num_threads(), 'thread')}"
        how = f", mixed precision ({str(self.dtype).removeprefix('torch.')})" if self.dtype else ""
        return f"training on {where}{how}"


def choose_device(family: str) -> TrainingDevice:
    """The first GPU, in bfloat16 or, where that is only emulated, float16; otherwise the CPU."""
    if torch.cuda.is_available():
        # Before Ampere (T4, V100) bfloat16 is emulated, and slower than float32.
        in_hardware = torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = torch.bfloat16 if in_hardware else torch.float16
        return TrainingDevice(torch.device("cuda:0"), dtype, torch.cuda.get_device_name(0))
    # AVX-512's bfloat16 alone is slower than float32 (docs/models.md, "How fast it trains").
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", bool)()
    gains = family in FAMILIES_IN_BFLOAT16_ON_CPU and has_tiles
    return TrainingDevice(torch.device("cpu"), torch.bfloat16 if gains else None)


def move_to_device(value: object, device: torch.device) -> object:
    """The same nesting of dictionaries, lists and tuples, its tensors on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: move_to_device(each, device) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(move_to_device(each, device) for each in value)
    return value
