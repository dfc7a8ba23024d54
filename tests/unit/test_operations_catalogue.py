"""The catalogue: whatever comes in whatever order, every index says the same as a look at each job."""

import itertools
import random
from typing import Any

import pytest

from kronstream.operations.catalogue import Catalogue, Wanted
from kronstream.operations.naming import derived, unique
from kronstream.operations.rows import Form, Standing, read_row

NUMBERS = itertools.count(1)


def obj(uid: str, version: int, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": uid,
            "namespace": f"team-{uid[-1]}",
            "name": f"job-{uid}",
            "creationTimestamp": f"2026-11-18T11:06:{int(uid, 16) % 60:02}Z",
            "resourceVersion": str(version),
        },
        "spec": spec or {"schedule": "* * * * *"},
        "status": status,
    }


def test_random_changes_leave_every_index_true() -> None:
    dice, catalogue = random.Random(7), Catalogue()
    known: dict[str, dict[str, Any]] = {}
    gone: set[str] = set()
    specs = [{"schedule": "* * * * *", "tags": ["a", "b"], "platformId": "p"}, {"every": "1s", "tags": ["b"]},
             {"runAt": "2027-01-01T00:00:00Z"}, {"suspend": True}]  # fmt: skip
    for version in range(1, 2_000):
        uid = f"{dice.randrange(40):x}"
        if dice.random() < 0.02:
            catalogue.drop(uid)
            gone.add(uid)
            known.pop(uid, None)
        else:
            made = obj(uid, version, dice.choice(specs), runs={"total": dice.randrange(5)})
            catalogue.put(made)
            if uid not in gone:
                known[uid] = made
    rows = [read_row(one) for one in known.values()]
    asked = itertools.product(("", "team-1"), (None, *Form), (None, *Standing), ("", "p"), ("", "a", "b"))
    for wanted in itertools.starmap(Wanted, asked):
        expected = sorted((row for row in rows if wanted.fits(row)), key=lambda row: row.place)
        found, total = catalogue.page(wanted, 5, 2)
        assert total == len(expected)
        assert [row.uid for row in found] == [row.uid for row in expected[2:7]]
    assert catalogue.runs()["total"] == sum(row.runs[0] for row in rows)
    assert sum(catalogue.counts().values()) == len(rows) == len(catalogue)


def test_an_older_word_changes_nothing_and_a_deleted_job_does_not_come_back() -> None:
    catalogue = Catalogue()
    catalogue.put(obj("1", 5, {"every": "1s"}))
    catalogue.put(obj("1", 4, {"schedule": "* * * * *"}))
    row = catalogue.get("1")
    assert row is not None
    assert row.form is Form.INTERVAL
    catalogue.drop("1")
    assert catalogue.put(obj("1", 9)) is None
    assert catalogue.named("team-1", "job-1") is None


def test_a_list_forgets_what_is_gone_but_not_what_came_meanwhile() -> None:
    catalogue = Catalogue()
    for uid in ("1", "2"):
        catalogue.put(obj(uid, 1))
    mark = catalogue.begin()
    catalogue.put(obj("3", 3))
    assert not catalogue.complete
    catalogue.replace(mark, [obj("1", 1), obj("4", 2)])
    assert sorted(row.uid for row in catalogue) == ["1", "3", "4"]
    assert catalogue.complete


def test_a_status_from_before_a_pause_does_not_take_it_back() -> None:
    catalogue, pause = Catalogue(), {"by": "me", "since": "2026-11-18T11:07:00Z"}
    catalogue.put(obj("a", 1))
    row = catalogue.get("a")
    assert row is not None
    catalogue.hold(row.object, pause, row.updated)
    for version in (2, 3):  # ends of runs, written before the operator knew
        catalogue.put(obj("a", version, runs={"total": version}))
        row = catalogue.get("a")
        assert row is not None
        assert (row.standing, row.object["status"]["runs"]["total"]) == (Standing.PAUSED, version)
    catalogue.put(obj("a", 4, suspended="Paused", paused=pause))
    catalogue.hold(row.object, None, row.updated)
    catalogue.put(obj("a", 5, suspended="Paused", paused=pause))
    assert catalogue.counts()["paused"] == 0, "resumed, though a status on its way says otherwise"
    catalogue.put(obj("a", 6, suspended="No"))
    catalogue.put(obj("a", 7, suspended="Paused", paused=pause))
    assert catalogue.counts()["paused"] == 1, "paused by another door since"


def test_a_pause_holds_what_came_since_the_caller_looked() -> None:
    catalogue, pause = Catalogue(), {"by": "me", "since": "2026-11-18T11:07:00Z"}
    catalogue.put(obj("a", 1))
    looked = catalogue.get("a")
    assert looked is not None
    catalogue.put(obj("a", 2, runs={"total": 2}))  # while the pause was on its way to the store
    catalogue.hold(looked.object, pause, looked.updated)
    row = catalogue.get("a")
    assert row is not None
    assert (row.standing, row.object["status"]["runs"]["total"]) == (Standing.PAUSED, 2)


def test_a_pause_that_no_status_ever_tells_is_not_believed_for_ever() -> None:
    catalogue = Catalogue()
    catalogue.put(obj("a", 1))
    row = catalogue.get("a")
    assert row is not None
    catalogue.hold(row.object, {"by": "me"}, row.updated)
    for version in range(2, 6):
        catalogue.put(obj("a", version))
    assert catalogue.counts()["paused"] == 0


def test_a_name_has_one_owner() -> None:
    catalogue = Catalogue()
    first, second = obj("1", 1), obj("11", 2)
    second["metadata"]["name"] = "job-1"
    for one in (first, second):
        catalogue.put(one)
    found = catalogue.named("team-1", "job-1")
    assert found is not None
    assert found.uid == "11"
    assert len(catalogue) == 1


@pytest.mark.parametrize(
    ("spec", "status", "standing"),
    [
        ({}, {}, Standing.ACTIVE),
        ({"suspend": True}, {}, Standing.PAUSED),
        ({}, {"suspended": "Paused"}, Standing.PAUSED),
        ({}, {"suspended": "No"}, Standing.ACTIVE),
        ({"runAt": "x"}, {"completionTime": "x", "lastRun": {"status": "failed"}}, Standing.FAILED),
        ({"runAt": "x"}, {"completionTime": "x", "lastRun": {"status": "success"}}, Standing.COMPLETED),
        ({"schedule": "x"}, {"completionTime": "x", "lastRun": {"status": "failed"}}, Standing.COMPLETED),
        ({}, {"conditions": [{"type": "Stalled", "status": "True"}]}, Standing.INVALID),
    ],
)
def test_how_a_job_stands(spec: dict[str, Any], status: dict[str, Any], standing: Standing) -> None:
    assert read_row(obj("1", 1, spec or {"every": "1s"}, **status)).standing is standing


def test_the_spec_last_changed_when_the_api_server_says_so() -> None:
    made = obj("1", 1)
    fields = [("2026-11-20T00:00:00Z", {"f:spec": {}}, None), ("2026-11-21T00:00:00Z", {"f:status": {}}, "status"),
              ("2026-11-22T00:00:00Z", {"f:metadata": {}}, None)]  # fmt: skip
    made["metadata"]["managedFields"] = [
        {"time": time, "fieldsV1": what, **({"subresource": sub} if sub else {})} for time, what, sub in fields
    ]
    assert read_row(made).updated == 1_795_132_800_000


def test_names() -> None:
    assert derived("Daily Cleanup") == "daily-cleanup"
    assert derived("日本") == "job"
    assert len(derived("x" * 300)) == 52
    assert unique("a", "seed") == unique("a", "seed") != unique("a", "other")
