"""Orders for work elsewhere, and what its replies mean."""

import json

import pytest

from kronstream.domain.run import Reason
from kronstream.operations.reply import Answer, Unreadable, read
from kronstream.ports import Completion, Failure, Recall
from kronstream.testing import FixedClock, MemoryExternals, MemoryStore, MemoryWires
from kronstream.worker.context import Run
from kronstream.worker.elsewhere.order import cancellation, order
from kronstream.worker.elsewhere.streamtype import StreamType
from kronstream.worker.rulings import Fault, Parked
from unit.fakequeue import claim

HEAD = {"v": "1", "run": "uid-s1", "token": "secret"}


def test_an_order_has_all_that_the_work_needs() -> None:
    one = claim("@agent", {"documents": ["ä"]}, run="uid-s1", attempt=2, trace="trace-1", timeout=60_000)
    fields = order("agent", one, "secret", "replies", 1_800_000_000_000)
    assert json.loads(fields["payload"]) == {"documents": ["ä"]}
    assert {name: fields[name] for name in ("v", "kind", "run", "attempt", "token", "reply", "trace_id")} == {
        "v": "1", "kind": "agent", "run": "uid-s1", "attempt": "2", "token": "secret", "reply": "replies",
        "trace_id": "trace-1",
    }  # fmt: skip
    assert int(fields["deadline"]) == 1_800_000_060_000
    assert "platform_id" not in fields


def test_a_cancellation_names_the_order() -> None:
    fields = cancellation(Recall("uid-s1", "uid", 1, "secret", "team", "job", 2))
    assert (fields["kind"], fields["run"], fields["attempt"], fields["token"]) == ("cancel", "uid-s1", "2", "secret")


@pytest.mark.parametrize(
    ("fields", "completion"),
    [
        ({"status": "success"}, Completion()),
        ({"status": "success", "result": '{"rows": 3}'}, Completion(result='{"rows":3}')),
        (
            {"status": "success", "result": json.dumps(["x" * 70_000])},
            Completion(
                reason=Reason.RESULT,
                failure=Failure(
                    "InvalidResult",
                    "the result has more than 64 KiB of JSON; keep the data elsewhere and return its address",
                ),
            ),
        ),
        (
            {"status": "failed", "error": '{"type": "Refused", "message": "no"}', "permanent": "true"},
            Completion(reason=Reason.ERROR, failure=Failure("Refused", "no"), codes=("Refused",), permanent=True),
        ),
        (
            {"status": "failed", "error": "broke", "codes": '["step:2"]', "retry_after": "1.5"},
            Completion(reason=Reason.ERROR, failure=Failure("Failed", "broke"), codes=("Failed", "step:2"), wait=1500),
        ),
        (
            {"status": "failed", "retry_after": "1e9"},
            Completion(
                reason=Reason.ERROR, failure=Failure("Failed", "the work failed"), codes=("Failed",), wait=86_400_000
            ),
        ),
    ],
)
def test_what_a_reply_means(fields: dict[str, str], completion: Completion) -> None:
    assert read({**HEAD, **fields}) == Answer("uid-s1", "secret", completion=completion)


def test_progress_is_json() -> None:
    assert read({**HEAD, "status": "progress", "progress": '{"done": 0.5}'}).progress == '{"done": 0.5}'


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"v": "2", "status": "success"}, "version '2'"),
        ({"run": "", "status": "success"}, "needs the run and the token"),
        ({"token": "", "status": "success"}, "needs the run and the token"),
        ({}, "write success, failed or progress"),
        ({"status": "done"}, "write success, failed or progress"),
        ({"status": "success", "result": "{"}, "result is not JSON"),
        ({"status": "success", "result": "[" * 100_000}, "result is not JSON"),
        ({"status": "progress", "progress": "x"}, "progress is not JSON"),
        ({"status": "progress", "progress": json.dumps("x" * 3000)}, "write at most 2048"),
        ({"status": "failed", "codes": '{"a": 1}'}, "JSON list of texts"),
        ({"status": "failed", "retry_after": "soon"}, "write seconds"),
    ],
)
def test_what_nobody_can_act_on_says_why(fields: dict[str, str], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read({**HEAD, **fields})


def test_texts_of_a_reply_are_cut_to_their_bounds() -> None:
    told = json.dumps({"type": "T" * 5000, "message": "m" * 50_000})
    found = read({**HEAD, "status": "failed", "error": told, "output": "o" * 100_000}).completion
    assert found
    assert found.failure
    assert (len(found.failure.type), len(found.failure.message)) == (200 - 2, 2048 - 2)
    assert len(found.output.encode()) <= 16_384


@pytest.mark.anyio
async def test_a_full_stream_fails_the_attempt_and_says_so() -> None:
    store = MemoryStore(FixedClock(1_800_000_000_000), "epoch")
    wires = MemoryWires(store)

    class Attached(MemoryExternals):
        async def attach(self, claim: object) -> str | None:
            return "secret"

    kind = StreamType("agent", "agents", "replies", Attached(store), wires)
    wires.streams["agents"] = {str(n): {} for n in range(1_000_000)}
    with pytest.raises(Fault, match="has 1000000 entries that nobody has read; is its reader running") as fault:
        await kind.execute(claim("@agent"), Run())
    assert fault.value.codes == ("stream_full",)


@pytest.mark.anyio
async def test_what_is_not_current_is_not_ordered() -> None:
    store = MemoryStore(FixedClock(1_800_000_000_000), "epoch")
    wires = MemoryWires(store)
    with pytest.raises(Parked):
        await StreamType("agent", "agents", "replies", MemoryExternals(store), wires).execute(claim("@agent"), Run())
    assert not wires.streams["agents"]
