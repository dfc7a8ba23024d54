"""Which handlers are in force: by generation, by stream, by namespace."""

from kronstream.domain.event import Event
from kronstream.events.table import Table
from unit.eventstage import KEY, STREAM, handler, uid

CREATED = Event("1", "/tests", "order.created")


def heard(table: Table, event: Event = CREATED, stream: str = STREAM) -> list[str]:
    return [listener.name for listener in table.listeners(stream, event)]


def test_a_handler_hears_its_stream_alone() -> None:
    table = Table("outcomes")
    table.put(handler(name="first"))
    table.put(handler(uid=uid(2), name="second", source={"stream": "stream:other"}))

    assert heard(table) == ["first"]
    assert heard(table, stream="stream:other") == ["second"]
    assert heard(table, stream="stream:third") == []
    assert set(table.streams) == {STREAM, "stream:other"}


def test_an_older_generation_does_not_come_back() -> None:
    table = Table("outcomes")
    table.put(handler(generation=3, event="order.paid"))

    assert not table.put(handler(generation=2))
    assert heard(table) == []
    found = table.get(KEY)
    assert found is not None
    assert found.generation == 3


def test_an_older_generation_comes_back_with_an_older_etcd() -> None:
    table = Table("outcomes")
    table.put(handler(generation=3, event="order.paid"))

    assert table.put(handler(generation=2), back=True)
    assert heard(table) == ["handler-6dd0e29e"]


def test_an_edit_moves_a_handler_to_another_stream() -> None:
    table = Table("outcomes")
    table.put(handler())
    changes: list[tuple[str, ...]] = []
    table.changed = lambda: changes.append(table.streams)

    table.put(handler(generation=2, source={"stream": "stream:other"}))
    table.drop(KEY)

    assert changes == [("stream:other",), ()]
    assert heard(table) == []
    assert heard(table, stream="stream:other") == []


def test_a_disabled_handler_hears_nothing_but_its_stream_is_read() -> None:
    table = Table("outcomes")
    table.put(handler(enabled=False))

    assert heard(table) == []
    assert table.streams == (STREAM,)


def test_what_cannot_be_used_hears_nothing_and_says_why() -> None:
    bad = handler(filter="event.data.x ==")
    table = Table("outcomes")
    table.put(bad)

    assert heard(table) == []
    assert table.streams == ()
    assert str(bad.fault).startswith("spec.filter")
    assert bad.adoption.invalid


def test_handlers_of_runs_hear_the_outcomes_too() -> None:
    table = Table("outcomes")
    table.put(handler(event="kronstream.run.failed", name="alerts"))
    table.put(handler(uid=uid(2), event="*.run.failed", name="others"))
    failed = Event("1", "/jobs", "kronstream.run.failed")

    assert heard(table, failed, "outcomes") == ["alerts"]
    assert heard(table, failed) == ["alerts", "others"]
    assert table.wants("kronstream.run.failed")
    assert not table.wants("kronstream.run.started")

    table.drop(KEY)
    assert not table.wants("kronstream.run.failed")


def test_events_without_a_namespace_are_seen_where_the_installation_allows_it() -> None:
    table = Table("outcomes", ("allowed",))
    table.put(handler(namespace="allowed", name="in"))
    table.put(handler(uid=uid(2), namespace="default", name="out"))

    assert heard(table) == ["in"]
    assert heard(table, Event("1", "/t", "order.created", extensions={"namespace": "default"})) == ["out"]
