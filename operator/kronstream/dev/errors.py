"""What a person is told when the embedded control plane cannot be had or does not come up."""


class DevError(Exception):
    """Something that a person can act on; its text says what was wrong, where, and what to do."""


class BinariesMissingError(DevError):
    """A control-plane program is neither in KUBEBUILDER_ASSETS nor in the cache, and none may be built now."""


class PartFailedError(DevError):
    """A part ended while it was starting, or was not ready within its time."""
