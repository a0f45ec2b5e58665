"""The one error of adapting a foreign graph."""


class AdaptError(RuntimeError):
    """A graph that cannot be wrapped; the text says what was seen and what to do."""
