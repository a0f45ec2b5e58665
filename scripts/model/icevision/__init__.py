"""IceVision models: build, save and load them. Importing this package makes `icevision` importable.

A module elsewhere that imports torchvision, effdet or icevision imports this package first.
"""

from scripts.model.icevision import shims  # noqa: F401
