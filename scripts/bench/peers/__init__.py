"""Measures Icebox and other ways to serve the same model side by side, in one run."""
