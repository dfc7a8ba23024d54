"""The index of handlers: it finds what looking at each of them would find, in order, and looks at little else."""

import re
import time
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain.event import Event
from kronstream.domain.eventpattern import Pattern
from kronstream.domain.matching import Index, Target

segments = st.sampled_from(["a", "b", "*"])
patterns = st.lists(segments, min_size=1, max_size=4).map(".".join)
platforms = st.sampled_from([None, "p", "q"])
spaces = st.sampled_from(["n", "m"])
targets = st.builds(
    lambda uid, namespace, name, priority, pattern, platform: Target(
        uid, namespace, name, priority, Pattern.read(pattern), platform
    ),
    st.integers(0, 12).map(str),
    spaces,
    st.sampled_from(["x", "y", "z"]),
    st.integers(-1, 1),
    patterns,
    platforms,
)
events = st.builds(
    lambda called, platform, namespace: Event(
        "1", "/", called, extensions={"platformid": platform or "", "namespace": namespace or ""}
    ),
    st.lists(st.sampled_from(["a", "b", "*", "", "c"]), min_size=1, max_size=5).map(".".join),
    platforms,
    st.none() | spaces,
)


def target(uid: str, pattern: str = "order.paid", priority: int = 0, platform: str | None = None) -> Target:
    return Target(uid, "shop", uid, priority, Pattern.read(pattern), platform)


def event(called: str = "order.paid", **extensions: str) -> Event:
    return Event("1", "/shop", called, extensions=extensions)


def wanted(target: Target, event: Event) -> bool:
    """By a regular expression, and word by word."""
    oracle = "[.]".join("[^.]+" if part == "*" else re.escape(part) for part in target.pattern.text.split("."))
    return (
        bool(re.fullmatch(oracle, event.type))
        and target.platform in (None, event.platform)
        and event.namespace in (None, target.namespace)
    )


@given(st.lists(targets | st.integers(0, 12).map(str), max_size=30), st.lists(events, max_size=8))
def test_it_finds_what_looking_at_each_would_find_in_order(steps: list[Target | str], asked: list[Event]) -> None:
    index: Index[Target] = Index()
    known: dict[str, Target] = {}
    for step in steps:
        if isinstance(step, str):
            assert index.remove(step) == known.pop(step, None)
        else:
            index.add(step)
            known[step.uid] = step

    for one in asked:
        brute = [each for each in known.values() if wanted(each, one)]
        brute.sort(key=lambda each: (-each.priority, each.namespace, each.name, each.uid))
        assert index.find(one) == brute
        assert index.hears(one.type) == any(each.pattern.matches(one.type) for each in known.values())
    assert len(index) == len(known)
    assert {each.uid: each for each in index} == known


@given(st.lists(targets, max_size=20))
def test_nothing_is_left_of_what_was_taken_out(many: list[Target]) -> None:
    index: Index[Target] = Index()
    for each in many:
        index.add(each)
    for each in many:
        index.remove(each.uid)

    assert (len(index), list(index)) == (0, [])
    assert vars(index) == vars(Index())


def test_who_is_taken_out_leaves_the_others() -> None:
    index: Index[Target] = Index()
    for each in (
        target("a"),
        target("b"),
        target("c", platform="p-1"),
        target("d", "order.*"),
        target("e", "*.paid"),
        target("f", "*.paid.*"),
        target("g", "*.late"),
    ):
        index.add(each)

    assert index.find(event("order")) == []
    for gone, left in (("a", "bcde"), ("b", "cde"), ("d", "ce"), ("c", "e"), ("f", "e"), ("e", ""), ("g", "")):
        assert index.remove(gone) is not None
        assert sorted(each.uid for each in index.find(event(platformid="p-1"))) == list(left)

    assert vars(index) == vars(Index())


def test_a_higher_priority_comes_first_then_the_name() -> None:
    index: Index[Target] = Index()
    for each in (
        target("b"),
        target("a"),
        target("z", "*.paid", 5),
        target("y", "order.*", -1),
        target("c", priority=5),
    ):
        index.add(each)

    assert [each.uid for each in index.find(event())] == ["c", "z", "a", "b", "y"]


def test_an_event_of_a_platform_is_for_its_handlers_and_the_global_ones() -> None:
    index: Index[Target] = Index()
    for each in (target("global"), target("mine", platform="p-1"), target("other", platform="p-2")):
        index.add(each)

    assert [each.uid for each in index.find(event(platformid="p-1"))] == ["global", "mine"]
    assert [each.uid for each in index.find(event())] == ["global"]


def test_an_event_of_a_platform_without_handlers_is_for_the_global_ones() -> None:
    index: Index[Target] = Index()
    index.add(target("global"))
    index.add(target("mine", "order.*", platform="p-1"))

    assert [each.uid for each in index.find(event(platformid="p-2"))] == ["global"]


def test_an_event_of_a_namespace_is_for_its_handlers_alone() -> None:
    index: Index[Target] = Index()
    index.add(target("a"))
    index.add(Target("b", "office", "b", 0, Pattern.read("*.*")))

    assert [each.uid for each in index.find(event(namespace="office"))] == ["b"]
    assert [each.uid for each in index.find(event())] == ["b", "a"]
    assert index.find(event(namespace="elsewhere")) == []


def test_one_of_the_same_uid_gives_way() -> None:
    index: Index[Target] = Index()
    index.add(target("a"))
    index.add(target("a", "order.lost"))

    assert index.find(event()) == []
    assert index.get("a") == index.find(event("order.lost"))[0]
    assert index.remove("b") is None
    assert index.get("b") is None


def test_the_answer_is_the_callers_own() -> None:
    index: Index[Target] = Index()
    index.add(target("a"))

    index.find(event()).clear()

    assert len(index.find(event())) == 1


@dataclass(frozen=True, slots=True)
class Route(Target):
    """What a router would know besides."""

    generation: int = 0


def test_a_target_may_know_more() -> None:
    index: Index[Route] = Index()
    index.add(Route("a", "shop", "a", 0, Pattern.read("order.paid"), None, 7))

    assert [route.generation for route in index.find(event())] == [7]


def test_what_does_not_match_costs_nothing() -> None:
    """Ten thousand other handlers, of which many share the beginning or the end of the type, slow the search little."""

    def seconds(index: Index[Target]) -> float:
        begun = time.thread_time()
        for _ in range(500):
            assert len(index.find(event())) == 2
        return time.thread_time() - begun

    few: Index[Target] = Index()
    many: Index[Target] = Index()
    for index in (few, many):
        index.add(target("a"))
        index.add(target("b", "order.*"))
    for number in range(2_500):
        many.add(target(f"c{number}", f"order.paid{number}"))
        many.add(target(f"d{number}", f"order{number}.*"))
        many.add(target(f"e{number}", f"*.paid{number}"))
        many.add(target(f"f{number}", "order.paid", platform=f"p{number}"))

    # in turns, for the machine may have less time now and more later
    pairs = [(seconds(few), seconds(many)) for _ in range(7)]
    assert min(slow for _, slow in pairs) < 5 * min(quick for quick, _ in pairs)
