"""The operations of the API by path, one module a dialect. Bounds come from the handler."""
