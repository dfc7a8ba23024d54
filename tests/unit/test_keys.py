"""Limits by key."""

from typing import Any

import pytest

from kronstream.domain.keys import KeyLimit, gates, read

JOB = {"namespace": "team", "name": "mail", "platformId": "p-1"}


def names(limit: KeyLimit, *payloads: Any, **job: Any) -> set[str]:
    return {gates([limit], {**JOB, **job}, payload)[0].name for payload in payloads}


def test_a_limit_holds_for_each_key_by_itself() -> None:
    limit = KeyLimit("${payload.customer}", max=2, count=100, per=60_000)
    (gate,) = gates([limit], JOB, {"customer": "acme"})
    assert (gate.max, gate.count, gate.per) == (2, 100, 60_000)
    assert gate.name.startswith("k/team/")
    assert len(names(limit, {"customer": "acme"}, {"customer": "acme", "more": 1}, {"customer": "other"})) == 2


def test_without_a_name_it_is_the_jobs_own_and_never_another_namespaces() -> None:
    own, shared = KeyLimit("all"), KeyLimit("all", name="smtp")
    assert names(own, None) != names(own, None, name="other")
    assert names(shared, None) == names(shared, None, name="other")
    assert names(shared, None) != names(shared, None, namespace="elsewhere")
    # a job that is called like another's shared limit shares nothing with it
    assert names(KeyLimit("all"), None, name="smtp") != names(shared, None)


def test_keys_may_use_the_job() -> None:
    assert len(names(KeyLimit("${job.platformId}-${job.name}"), None)) == 1


@pytest.mark.parametrize("key", ["${run.id}", "a-${last.nominal}", "${string(run.attempt)}"])
def test_what_is_not_known_before_a_run_begins_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"not known before the run begins; a key can use payload and job, like"):
        read(key)


def test_a_key_that_is_no_template_says_so() -> None:
    with pytest.raises(ValueError, match="no closing brace"):
        read("${payload.customer")


def test_a_payload_without_the_key_is_told_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"^\[1\]\.key: \$\{payload\.customer\} cannot be told"):
        gates([KeyLimit("x"), KeyLimit("${payload.customer}")], JOB, {})


def test_it_survives_json() -> None:
    limit = KeyLimit("x", "smtp", 1, 2, 3)
    assert KeyLimit(**limit.dump()) == limit
