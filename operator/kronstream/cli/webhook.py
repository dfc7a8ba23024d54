"""``kronstream webhook``: one replica of the admission webhook."""

import asyncio
import sys
from typing import Any

import click

from kronstream import logs
from kronstream.admission.settings import WebhookSettings
from kronstream.cli.options import settings_from, settings_options
from kronstream.cli.serving import serve_alone


@click.command()
@settings_options(WebhookSettings)
def webhook(**flags: Any) -> None:
    """Judge ScheduledJobs and EventHandlers when they are applied, in the words of `kronstream validate`.

    kube-apiserver asks it (a ValidatingWebhookConfiguration names it). It changes nothing and needs no right in the
    cluster, nor Redis. Any number of replicas; while none is there, everything that the CRDs take is taken.
    """
    settings = settings_from(WebhookSettings, flags)
    logs.configure(settings.log.log_format, settings.log.log_level)

    async def run() -> int:
        from kronstream.admission.server import WebhookServer

        return await serve_alone(
            "webhook",
            lambda registry: WebhookServer(settings, registry),
            settings.metrics_port,
            settings.metrics_host,
        )

    sys.exit(asyncio.run(run()))
