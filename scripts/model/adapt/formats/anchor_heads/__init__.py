"""Heads before decoding whose boxes are sized by anchors."""
