"""Tries a reading on what a graph gave, and says what speaks against it."""
