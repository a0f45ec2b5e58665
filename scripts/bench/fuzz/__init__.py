"""The fuzzer: damaged pictures, events and requests against the handler."""
