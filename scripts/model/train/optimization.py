"""The optimizer, its learning rate, and averaged weights, which both ways to train share."""

from __future__ import annotations

import math

import torch

WEIGHT_DECAY = 0.02


def make_optimizer(model: torch.nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019) without decay of biases and normalisation."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    not_decayed = [p for p in model.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": WEIGHT_DECAY},
            {"params": not_decayed, "weight_decay": 0.0},
        ],
        lr=learning_rate,
    )


def cosine_learning_rate(peak: float, progress: float) -> float:
    """A cosine from the peak down to 0.3 % of it, over a run's progress from 0 to 1."""
    return peak * max(0.003, 0.5 * (1 + math.cos(math.pi * progress)))


def copy_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the model's state dict."""
    return {key: value.detach().clone() for key, value in model.state_dict().items()}


def update_average(average: dict[str, torch.Tensor], model: torch.nn.Module, step: int) -> None:
    """Move the exponential moving average (EMA) towards the model's weights, in place; early steps
    move it more."""
    decay = min(0.999, (step + 1) / (step + 20))
    for key, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            average[key].lerp_(value.detach(), 1 - decay)
        else:
            average[key].copy_(value)
