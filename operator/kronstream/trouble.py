"""Telling of a trouble that lasts without filling the log with it."""

import logging
import time

SAID_EVERY = 30.0


class Trouble:
    """Warns when something fails, then every 30 s for as long as it does; ``text`` says what, and what is done.

    ``every``: seconds until it is said again.
    """

    def __init__(self, log: logging.Logger, text: str, every: float = SAID_EVERY) -> None:
        self._log = log
        self._every = every
        self._text = text
        self._said = float("-inf")

    def tell(self, why: BaseException | str) -> None:
        """It failed."""
        if time.monotonic() - self._said >= self._every:
            self._said = time.monotonic()
            self._log.warning("%s: %s", self._text, str(why) or type(why).__name__)

    def over(self) -> None:
        """It worked."""
        self._said = float("-inf")

    def note(self, why: str) -> None:
        """What a look found: '' is that it worked."""
        if why:
            self.tell(why)
        else:
            self.over()
