"""Testing handlers: `from kronstream.testing.handlers import run_handler`. The fixture `kronstream_run` is the same."""

from kronstream.worker.trial import Trial, UnknownHandlerError, run_handler, run_handler_async

__all__ = ["Trial", "UnknownHandlerError", "run_handler", "run_handler_async"]
