"""The monitoring baseline: labelled pictures, and known corruptions of them, as records."""
