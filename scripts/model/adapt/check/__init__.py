"""Tries the plausible readings of a model on the user's pictures, and says which is right."""
