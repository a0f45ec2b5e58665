"""Heads before decoding whose rows are offsets to prior boxes."""
