"""The command `kronstream`: it knows its subcommands by name and imports the one that is called."""

import importlib
import os
import signal
from dataclasses import dataclass
from typing import NoReturn

import click

from kronstream import __version__


@dataclass(frozen=True)
class Entry:
    """Where a subcommand is, and its line in `kronstream --help`, known without importing it."""

    module: str
    attribute: str
    summary: str


COMMANDS = {
    "api": Entry("kronstream.cli.api", "api", "Serve jobs, executions and events over HTTP."),
    "backfill": Entry("kronstream.cli.backfill", "backfill", "Run a job for instants of the past."),
    "cancel": Entry("kronstream.cli.again", "cancel", "Cancel executions, one or by filter."),
    "completion": Entry("kronstream.cli.completion", "completion", "Print what completes commands in a shell."),
    "crds": Entry("kronstream.cli.crds", "crds", "Print, write or check the CustomResourceDefinitions."),
    "dead-letters": Entry(
        "kronstream.cli.letters", "dead_letters", "Look at what could not be delivered; replay or drop it."
    ),
    "dev": Entry("kronstream.cli.dev", "dev", "Run everything on an embedded control plane, to try and to develop."),
    "doctor": Entry("kronstream.cli.doctor", "doctor", "Check the installation, and say what to do."),
    "emit": Entry("kronstream.cli.emit", "emit", "Send an event to the EventHandlers."),
    "envtest": Entry("kronstream.cli.envtest", "envtest", "Fetch or build kube-apiserver, etcd and kubectl."),
    "get": Entry("kronstream.cli.get", "get", "Show jobs, executions, handlers, queues or workers."),
    "history": Entry("kronstream.cli.history", "history", "Show a job's executions."),
    "logs": Entry("kronstream.cli.show", "logs", "Print what an execution printed."),
    "openapi": Entry("kronstream.cli.openapi", "openapi", "Print, write or check the HTTP API's document."),
    "operator": Entry("kronstream.cli.operator", "operator", "Run the operator: computes next runs, dispatches."),
    "pause": Entry("kronstream.cli.hold", "pause", "Hold jobs, for a time or until they are resumed."),
    "preview": Entry("kronstream.cli.preview", "preview", "Show the next runs of a schedule, without a cluster."),
    "resume": Entry("kronstream.cli.hold", "resume", "Let paused jobs go on."),
    "retry": Entry("kronstream.cli.again", "retry", "Do executions again, one or by filter."),
    "router": Entry("kronstream.cli.router", "router", "Run a router: events cause what EventHandlers say."),
    "run": Entry("kronstream.cli.run", "run", "Run a job now."),
    "run-handler": Entry(
        "kronstream.cli.runhandler", "run_handler", "Run one handler here, without Redis and cluster."
    ),
    "runs-apiserver": Entry(
        "kronstream.cli.runsapiserver", "runs_apiserver", "Serve executions to kubectl, through the API server."
    ),
    "show": Entry("kronstream.cli.show", "show", "Tell everything about an execution."),
    "top": Entry("kronstream.cli.top", "top", "Watch queues, workers, what is due soon and what fails."),
    "trigger": Entry("kronstream.cli.trigger", "trigger", "Trigger EventHandlers by hand; tells what each one did."),
    "validate": Entry("kronstream.cli.validate", "validate", "Check resources in files, as the operator would."),
    "webhook": Entry("kronstream.cli.webhook", "webhook", "Judge objects when they are applied, for the API server."),
    "worker": Entry("kronstream.cli.worker", "worker", "Run a worker: executes what was dispatched."),
    "workers": Entry("kronstream.cli.workers", "workers", "List the live workers and their statistics."),
}

PARTS = {
    "Jobs and executions": ("get", "run", "history", "show", "logs", "retry", "cancel", "pause", "resume", "backfill"),
    "Events, dead letters": ("emit", "trigger", "dead-letters"),
    "The installation": ("doctor", "top", "workers", "dev", "envtest"),
    "Without a cluster": ("preview", "validate", "run-handler", "crds", "openapi", "completion"),
    "Its processes": ("operator", "router", "worker", "api", "runs-apiserver", "webhook"),
}
"""How `kronstream --help` lists them."""


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports the subcommand; None when there is none of that name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The lists in `--help`, from the summaries above."""
        width = max(map(len, COMMANDS))
        for title, names in PARTS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", COMMANDS[name].summary) for name in names])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a command that is none is told with those that are written much like it."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from kronstream.cli.client.near import near

            found = near(args[0], COMMANDS)
            hint = f"did you mean {' or '.join(found)}?" if found else "`kronstream --help` lists them"
            ctx.fail(f"No such command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="kronstream")
def main() -> None:
    """kronstream schedules jobs on Kubernetes: apply a ScheduledJob, and it runs on time, once.

    `kronstream COMMAND --help` tells what a command does.
    """
    if os.getpid() == 1:
        # the first process of a container ignores what it has no handler for, and the imports take a while
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    raise SystemExit(128 + number)


def plugin() -> None:
    """`kubectl kronstream`: the same program."""
    main(prog_name="kubectl kronstream", complete_var="_KUBECTL_KRONSTREAM_COMPLETE")


if __name__ == "__main__":
    main(prog_name="kronstream")
