"""EventHandlers on the API server."""

from kronstream.cluster.resources import Resources


class EventHandlers(Resources):
    """See Resources."""

    PLURAL = "eventhandlers"
