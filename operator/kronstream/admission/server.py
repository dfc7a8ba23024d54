"""A replica of the admission webhook: from a request to its answer, and its life from start to stop."""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from prometheus_client import CollectorRegistry

from kronstream.admission.measures import Measures
from kronstream.admission.review import Request, Unreadable, answer, judge, read
from kronstream.admission.settings import WebhookSettings
from kronstream.doorway import Doorway
from kronstream.health import Pace
from kronstream.resources.inspection import Inspection
from kronstream.rooms import live_together
from kronstream.vitals import CertificateVitals, introduce

log = logging.getLogger(__name__)

PATH = "/validate"
PROBES = ("/healthz", "/livez", "/readyz")
READ_WITHIN = 10.0  # seconds for a body; kube-apiserver gives up after five
MOST_HELD = 64 * 1024 * 1024  # bytes of bodies: anybody may reach a webhook, since kube-apiserver shows no certificate
MOST_BODY = 8 * 1024 * 1024  # kube-apiserver sends the object as it is and as it was; either may have 3 MiB
SHUTDOWN = 3.0
JSON = "application/json"


class WebhookServer:
    """Serves until it is cancelled."""

    def __init__(self, settings: WebhookSettings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._doorway = Doorway(settings.certificate, settings.key, recognised=False)
        # one at a time, beside the loop: the worst schedule takes a tenth of a second
        self._bench = ThreadPoolExecutor(1, "judge")
        self.paces: list[Pace] = []
        self._serving = False
        self._held = 0
        introduce(registry)
        self._measures = Measures(registry)
        self._certificate = CertificateVitals(registry)
        self._certificate.read(settings.certificate)
        self._doorway.reread = lambda: self._certificate.read(settings.certificate)

    def ready(self) -> tuple[bool, str]:
        """Whether reviews are answered, and a line that says why not."""
        return self._serving, "serving" if self._serving else "not listening yet"

    async def run(self) -> None:
        """Run until cancelled."""
        runner = web.AppRunner(
            self.app(), access_log=None, shutdown_timeout=SHUTDOWN, handle_signals=False, handler_cancellation=True
        )
        await runner.setup()
        try:
            context = self._doorway.context
            await web.TCPSite(
                runner, self._settings.host or None, self._settings.port, ssl_context=context, backlog=256
            ).start()
            self._serving = True
            await live_together((self._doorway.run,))
        finally:
            self._serving = False
            await runner.cleanup()
            self._bench.shutdown(wait=False, cancel_futures=True)

    def app(self) -> web.Application:
        """What is served: the reviews and the probes."""
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_post(PATH, self._review)
        for path in PROBES:
            app.router.add_get(path, _probe)
        return app

    async def _review(self, request: web.Request) -> web.Response:
        begin = time.monotonic()
        if request.content_type != JSON:
            raise web.HTTPUnsupportedMediaType(text=f"send {JSON}\n")
        size = MOST_BODY if request.content_length is None else request.content_length
        if self._held + size > MOST_HELD:
            raise web.HTTPServiceUnavailable(text="too many reviews at once; ask again\n", headers={"Retry-After": "1"})
        self._held += size
        try:
            async with asyncio.timeout(READ_WITHIN):
                body = await request.read()
            asked, found = await asyncio.get_running_loop().run_in_executor(self._bench, _judged, body)
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=f"the body did not come within {READ_WITHIN:g} s\n") from None
        except Unreadable as fault:
            raise web.HTTPBadRequest(text=f"{fault}\n") from None
        finally:
            self._held -= size
        verdict = "refused" if found.faults else "warned" if found.warnings else "allowed"
        if found.faults:
            log.info("%s %s/%s refused: %.500s", asked.kind, asked.namespace, asked.name, found.faults[0])
        self._measures.judged(asked.kind, verdict, time.monotonic() - begin)
        return web.json_response(answer(asked, found))


def _judged(body: bytes) -> tuple[Request, Inspection]:
    asked = read(body)
    return asked, judge(asked, time.time_ns() // 1_000_000)


async def _probe(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
