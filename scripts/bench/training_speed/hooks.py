"""Clocks every training step of this process, whichever loop takes it.

The parts are found by hooks of PyTorch's own and around IceVision's data set, so that no loop needs
to know of them: a module's forward, a tensor's backward, an optimizer's step, and what makes a
batch or waits for one. What none of them has is `other`: clipping, logging, a framework's own work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import scripts.model.icevision  # noqa: F401  (before icevision)

# isort: split
import torch
from icevision.all import Dataset
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers
from torch.utils.data.dataloader import _BaseDataLoaderIter

from scripts.bench.training_speed.clock import StepClock


@contextmanager
def clocked_steps(
    on_step: Callable[[dict[str, float]], None], functions: Mapping[tuple[ModuleType, str], str]
) -> Iterator[None]:
    """on_step: as StepClock has it; an optimizer's step ends a step. functions: more parts, each
    under the module that calls a function, and the function's name there."""
    clock = StepClock(on_step, torch.cuda.synchronize if torch.cuda.is_available() else bool)

    def around(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **options: Any) -> Any:
            with clock.part(part):
                return function(*arguments, **options)

        return timed

    def end_step(*_: Any) -> None:
        clock.leave()
        clock.end_step()

    parts: dict[tuple[Any, str], str] = {
        (Dataset, "__getitem__"): "data",
        (_BaseDataLoaderIter, "__next__"): "data",
        (torch.Tensor, "backward"): "backward",
        **functions,
    }
    kept = {(owner, name): getattr(owner, name) for owner, name in parts}
    hooks = [
        modules.register_module_forward_pre_hook(lambda *_: clock.enter("forward")),
        modules.register_module_forward_hook(lambda *_: clock.leave()),
        optimizers.register_optimizer_step_pre_hook(lambda *_: clock.enter("optimizer")),
        optimizers.register_optimizer_step_post_hook(end_step),
    ]
    for (owner, name), function in kept.items():
        setattr(owner, name, around(parts[owner, name], function))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for (owner, name), function in kept.items():
            setattr(owner, name, function)
