"""Heads before decoding that come as outputs for each stride."""
