"""Recognises how a foreign model's outputs are to be read, from their layouts."""
