"""`kronstream webhook`: one replica of the admission webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kronstream.admission.settings import WebhookSettings
from kronstream.cli.lasting import alone
from kronstream.cli.options import settings_from, settings_options

if TYPE_CHECKING:
    from kronstream.cli.lasting import MakeAlone


@click.command()
@settings_options(WebhookSettings)
def webhook(**flags: Any) -> None:
    """Judge ScheduledJobs and EventHandlers when they are applied, in the words of `kronstream validate`.

    kube-apiserver asks it (a ValidatingWebhookConfiguration names it). It changes nothing and needs no right in the
    cluster, nor Redis. Any number of replicas; while none is there, everything that the CRDs take is taken.
    """
    settings = settings_from(WebhookSettings, flags)

    def made() -> MakeAlone:
        from kronstream.admission.server import WebhookServer

        return lambda registry: WebhookServer(settings, registry)

    alone("webhook", settings, made, settings.metrics_port, settings.metrics_host)
