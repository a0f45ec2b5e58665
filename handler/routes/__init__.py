"""The HTTP API: a module for each client's dialect, and what they share."""
