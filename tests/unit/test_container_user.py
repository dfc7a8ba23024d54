"""A container's user may have no name: nothing may need one."""

import asyncio
import getpass
import threading

import kopf
import pytest
from prometheus_client import CollectorRegistry

from eventually import eventually
from kronstream.cluster.watch import Inbox, Watch
from kronstream.vitals import WatchVital, WatchVitals


def nameless() -> str:
    raise KeyError("getpwuid(): uid not found: 65532")


def test_the_watch_asks_for_no_users_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets as far as the login: before, kopf wanted a name for itself."""
    reached, restarted = threading.Event(), threading.Event()

    def login(**_: object) -> kopf.ConnectionInfo:
        reached.set()
        return kopf.ConnectionInfo(server="http://127.0.0.1:1")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr(kopf, "login_with_kubeconfig", login)
    inbox = Inbox(asyncio.new_event_loop(), lambda kind, obj: None, lambda: None)
    monkeypatch.setattr(WatchVital, "restarted", lambda vital: restarted.set())
    watch = Watch(inbox, "scheduledjobs", (), WatchVitals(CollectorRegistry()))

    watch.start()
    try:
        eventually(lambda: reached.is_set() or restarted.is_set(), within=20)
    finally:
        watch.stop()
    assert reached.is_set()
    assert not restarted.is_set()
