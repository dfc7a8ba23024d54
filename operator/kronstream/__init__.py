"""kronstream: a scheduler for Kubernetes that is driven by resources and dispatches through Redis streams."""

__version__ = "0.1.0"
