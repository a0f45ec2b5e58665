"""Benchmarks: each prints medians and says what was run."""
