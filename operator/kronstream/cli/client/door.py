"""Options that say where the API is and who calls, and what a command does with them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import Any

import click

from kronstream.cli.client.connection import BASE, Api, Target
from kronstream.cli.client.exits import EXITS, Exit, Failure

SERVICE = "kronstream-system/kronstream-api:3051"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Command = Callable[..., Any]


@dataclass(frozen=True)
class Place:
    """The options, as they were given."""

    server: str | None = None
    context: str | None = None
    namespace: str | None = None
    token_file: str | None = None
    as_account: str | None = None
    service: str = SERVICE
    ca_file: str | None = None


NAMESPACE = "Namespace of names that say none.  [default the kubeconfig's]"
OPTIONS = (
    click.option("--server", metavar="URL", help="Where the API is.  [KRONSTREAM_SERVER; default through kubectl]"),
    click.option("--context", help="The kubeconfig's context.  [default its current one]"),
    click.option("--token-file", metavar="FILE", help="Send the token in FILE.  [KRONSTREAM_TOKEN holds one itself]"),
    click.option(
        "--as-account", metavar="[NAMESPACE/]NAME",
        help="Call as this service account; kubectl asks for its token.  [KRONSTREAM_AS_ACCOUNT]",
    ),
    click.option(
        "--service", metavar="NAMESPACE/NAME:PORT", default=SERVICE, show_default=True, envvar="KRONSTREAM_SERVICE",
        help="The API's Service, to which kubectl forwards a port.",
    ),
    click.option("--ca-file", metavar="FILE", envvar="KRONSTREAM_CA_FILE", help="Who may have signed its certificate."),
)  # fmt: skip


def at_place(namespace: str = NAMESPACE) -> Callable[[Command], Command]:
    """Decorator: the command gets these options, is called with the Place first, and tells its exit codes.

    `namespace` is the help of `-n`. The API is not reached before the command does it.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def call(**flags: Any) -> Any:
            return command(Place(**{one.name: flags.pop(one.name) for one in fields(Place)}), **flags)

        call.__doc__ = f"{(command.__doc__ or '').rstrip()}\n\n    {EXITS}\n"
        for option in reversed((click.option("-n", "--namespace", help=namespace), *OPTIONS)):
            call = option(call)
        return call

    return decorate


def through_api(command: Command) -> Command:
    """Decorator: as `at_place`, and the command is called with the API first."""

    @functools.wraps(command)
    def call(place: Place, **flags: Any) -> Any:
        with reached(place) as api:
            return command(api, **flags)

    return at_place()(call)


@contextmanager
def reached(place: Place) -> Iterator[Api]:
    """The API: at --server, else through a port that kubectl forwards as long as the context lasts."""
    with ExitStack() as stack:
        server = place.server or os.environ.get("KRONSTREAM_SERVER")
        api = _at(server, place) if server else _forwarded(place, stack)
        stack.callback(api.close)
        yield api


def _at(server: str, place: Place) -> Api:
    """A token goes to a server only where it is told to: the kubeconfig's user is asked with --context."""
    target = target_of(server, place.ca_file)
    token, namespace = _given_token(place), place.namespace
    if not token and (place.as_account or place.context):
        token, inside = _cluster_token(place)
        namespace = namespace or inside
    if token and target.scheme == "http" and target.address not in LOOPBACK:
        raise Failure(Exit.USAGE, f"--server {server}: a token does not go over plain HTTP; write https://")
    return Api(target, token, namespace or "default")


def _forwarded(place: Place, stack: ExitStack) -> Api:
    from kronstream.cli.client.kubectl import Kubectl

    namespace, name, port = _service(place.service)
    token, inside = _given_token(place), ""
    if not token or not place.namespace:
        own, inside = _cluster_token(place, wanted=not token)
        token = token or own
    local = stack.enter_context(Kubectl(place.context or "").forwarded(namespace, name, port))
    scheme = "https" if place.ca_file else "http"
    target = Target(scheme, "127.0.0.1", local, ca_file=place.ca_file, host=f"{name}.{namespace}.svc")
    return Api(target, token, place.namespace or inside or "default")


def _given_token(place: Place) -> str:
    from kronstream.cli.client.credentials import token_of, usable

    if place.token_file:
        return token_of(place.token_file, "--token-file")
    token = os.environ.get("KRONSTREAM_TOKEN", "")
    return usable(token.strip(), "KRONSTREAM_TOKEN") if token else ""


def _cluster_token(place: Place, *, wanted: bool = True) -> tuple[str, str]:
    """The token of the kubeconfig's user or of the account that is named, and the context's namespace."""
    from kronstream.cli.client.credentials import account_token, user_token
    from kronstream.cli.client.kubectl import Kubectl

    kubectl = Kubectl(place.context or "")
    view = kubectl.view()
    inside = next(((one.get("context") or {}).get("namespace") for one in view.get("contexts") or ()), None) or ""
    account = place.as_account or os.environ.get("KRONSTREAM_AS_ACCOUNT")
    if not wanted:
        return "", inside
    if account:
        return account_token(kubectl, account, place.namespace or inside or "default"), inside
    return user_token(view), inside


def target_of(server: str, ca_file: str | None) -> Target:
    """What a URL says. Raises Failure for one that cannot be used."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Failure(Exit.USAGE, f"--server {server[:200]!r} cannot be used; write one like http://127.0.0.1:3051")
    usual = 443 if parts.scheme == "https" else 80
    base = parts.path.rstrip("/") or BASE
    return Target(parts.scheme, parts.hostname, port or usual, base, ca_file)


def _service(text: str) -> tuple[str, str, int]:
    namespace, slash, rest = text.partition("/")
    name, _, port = rest.partition(":")
    if not slash or not namespace or not name or (port and not port.isdigit()):
        raise Failure(Exit.USAGE, f"--service {text[:200]!r} cannot be used; write NAMESPACE/NAME:PORT, like {SERVICE}")
    return namespace, name, int(port or 3051)
