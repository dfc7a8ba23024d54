"""The commands that ask the API: what they ask for, what they print, how they end."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from click.testing import CliRunner

from kronstream.cli.instants import away, lasted, seconds_of, span
from kronstream.cli.main import main
from kronstream.cli.pursuit import Pursuit, Tail
from unit.stubapi import RUN, UID, Reply, StubApi, execution, job, page, problem

OTHER = f"{UID}-m1795454707001"
LIST = "limit=500&offset=0"


@pytest.fixture
def stub() -> Iterator[StubApi]:
    with StubApi() as api:
        yield api


def bodies(stub: StubApi) -> list[object]:
    return [asked.body for asked in stub.asked if asked.method == "POST"]


# -- get, history ------------------------------------------------------------------------------------------------


def test_jobs_in_every_format(stub: StubApi) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=2, minutes=10, seconds=30)).isoformat()
    rows = [job(next_run=soon), job("b", namespace="team-a", status="paused", schedule=None, every="10s")]
    stub.replies[f"GET /jobs?namespace=%2A&status=active&{LIST}"] = page(*rows)
    stub.replies[f"GET /jobs?namespace=x&{LIST}"] = page()

    def get(*options: str) -> str:
        answer = stub.call("get", "jobs", "-A", "--status", "active", *options)
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    assert get().splitlines() == [
        "NAMESPACE   NAME      SCHEDULE    STATUS   NEXT       LAST   OK   FAILED",
        "default     nightly   0 2 * * *   active   in 2h10m   -      30   1",
        "team-a      b         every 10s   paused   -          -      30   1",
    ]
    assert get("-o", "name") == "default/nightly\nteam-a/b\n"
    assert json.loads(get("-o", "json")) == yaml.safe_load(get("-o", "yaml")) == rows
    head, first, _ = get("-o", "wide").splitlines()
    assert head.split()[-6:] == ["QUEUE", "PRIORITY", "AVERAGE", "DISPLAY", "NAME", "ID"]
    assert "America/New_York   function cleanup:old_traces   default   medium     1.2s" in first
    empty = stub.call("get", "jobs", "-n", "x")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "no such jobs in namespace x\n")


def test_one_job_is_an_object(stub: StubApi) -> None:
    stub.replies["GET /jobs/team-a:b"] = Reply(value=job("b"))

    assert json.loads(stub.call("get", "sched", "team-a/b", "-o", "json").stdout) == job("b")


def test_more_than_are_shown(stub: StubApi) -> None:
    stub.replies["GET /jobs?namespace=default&limit=1&offset=0"] = page(job(), total=9)

    answer = stub.call("get", "jobs", "--limit", "1", "-o", "name")

    assert (answer.stdout, answer.stderr) == ("default/nightly\n", "1 of 9 shown; write --limit 9 for all\n")


def test_what_cannot_be_got(stub: StubApi) -> None:
    assert "'pods' is not known; write one of jobs, executions" in stub.call("get", "pods").stderr
    assert "write the job whose executions are meant" in stub.call("get", "executions").stderr
    bad = stub.call("get", "jobs", "--status", "success")
    assert (bad.exit_code, "write active, paused" in bad.stderr) == (2, True)
    assert stub.asked == []


def test_history_and_executions_are_the_same(stub: StubApi) -> None:
    failed = execution(
        id=OTHER, status="failed", trigger="manual", error={"message": "no\x1b[2Jgood"}, duration_ms=61_000
    )
    for limit in (20, 500):
        stub.replies[f"GET /jobs/default:nightly/executions?limit={limit}&offset=0"] = page(execution(), failed)

    said = stub.call("history", "nightly").stdout

    head, one, two = said.splitlines()
    assert head.split() == ["ID", "STATUS", "TRIGGER", "DUE", "DURATION", "ATTEMPT", "WHY"]
    assert one.split()[:3] == [RUN, "success", "schedule"]
    assert one.split()[-3:] == ["1.2s", "1/4", "-"]
    assert two.endswith("1m1s       1/4       no [2Jgood")
    assert stub.call("get", "executions", "nightly").stdout == said
    assert stub.call("get", "runs", "nightly", "-o", "name").stdout == f"{RUN}\n{OTHER}\n"


def test_workers_queues_and_handlers(stub: StubApi) -> None:
    worker = {
        "consumer_name": "w-1", "queues": {"default": 10, "slow": 1}, "functions": ["a", "b"], "messages_processed": 3,
        "messages_succeeded": 2, "messages_failed": 1, "uptime_seconds": 7_260, "last_heartbeat": None,
    }  # fmt: skip
    lane = {"queue": "default", "lane": "high", "waiting": 2, "taken": 1, "oldest_ms": 1_500}
    paused = {"by": "anna", "reason": "moving", "since": "2026-12-24T07:00:00.000Z"}
    queues = [
        {"name": "default", "paused": None, "lanes": [lane, {**lane, "lane": "low", "oldest_ms": None}]},
        {"name": "slow", "paused": paused, "lanes": []},
    ]
    handler = {
        "namespace": "a", "name": "bill", "event": "order.paid", "status": "invalid", "priority": 5,
        "action": "runJob x", "message": "no", "filter": None, "platform_id": None, "stream": None, "id": UID,
    }  # fmt: skip
    stub.replies["GET /workers"] = Reply(value=[worker])
    stub.replies["GET /queues"] = Reply(value=queues)
    stub.replies[f"GET /event-handlers?namespace=%2A&event=order.paid&{LIST}"] = page(handler)
    stub.replies["GET /event-handlers/a:bill"] = Reply(value=handler)

    assert stub.call("get", "workers").stdout.splitlines() == [
        "CONSUMER   QUEUES              FUNCTIONS   PROCESSED   SUCCEEDED   FAILED   UPTIME   LAST BEAT",
        "w-1        default=10,slow=1   2           3           2           1        2h1m     -",
    ]
    assert stub.call("get", "queues").stdout.splitlines() == [
        "NAME      STATUS   WAITING   TAKEN   OLDEST",
        "default   active   4         2       1.5s",
        "slow      paused   0         0       -",
    ]
    assert json.loads(stub.call("get", "queue", "slow", "-o", "json").stdout) == queues[1]
    assert stub.call("get", "queue", "none").exit_code == 3
    assert stub.call("get", "eventhandlers", "-A", "--event", "order.paid").stdout.splitlines() == [
        "NAMESPACE   NAME   EVENT        STATUS    PRIORITY   ACTION     WHY",
        "a           bill   order.paid   invalid   5          runJob x   no",
    ]
    assert stub.call("get", "handler", "a/bill", "-o", "name").stdout == "a/bill\n"


# -- run, logs, show ---------------------------------------------------------------------------------------------


def test_a_run_is_started_and_its_id_printed(stub: StubApi) -> None:
    stub.replies["POST /jobs/default:nightly/run"] = Reply(201, {"execution_id": RUN})

    assert stub.call("run", "nightly").stdout == f"{RUN}\n"
    assert stub.call("run", "nightly", "--payload", '{"a": null}', "--merge", "--trace", "t").stdout == f"{RUN}\n"
    assert stub.call("run", "nightly", "--payload", "-", stdin="[1]").stdout == f"{RUN}\n"
    assert stub.call("run", "nightly", "--payload", "null").exit_code == 0
    assert bodies(stub) == [
        {},
        {"payload": {"a": None}, "merge": True, "trace_id": "t"},
        {"payload": [1]},
        {"payload": None},
    ]


@pytest.mark.parametrize("payload", ["{a: 1}", "NaN", "@/nowhere", "[" * 100_000])
def test_a_payload_that_is_none(stub: StubApi, payload: str) -> None:
    answer = stub.call("run", "nightly", "--payload", payload)

    assert answer.exit_code == 2
    assert "--payload" in answer.stderr
    assert stub.asked == []


def test_a_run_is_waited_for(stub: StubApi) -> None:
    stub.replies["POST /jobs/default:nightly/run"] = Reply(201, {"execution_id": RUN})
    steps = [Reply(value=execution(status=state)) for state in ("queued", "running", "success")]
    stub.replies[f"GET /executions/{RUN}"] = list(steps)

    well = stub.call("run", "nightly", "--wait")

    assert (well.exit_code, well.stdout, well.stderr) == (0, f"{RUN}\n", f"{RUN}: success after 1.2s\n")
    stub.replies[f"GET /executions/{RUN}"] = Reply(value=execution(status="dead", error={"message": "no good"}))
    badly = stub.call("run", "nightly", "--wait", "-o", "json")
    assert badly.exit_code == 1
    assert json.loads(badly.stdout)["status"] == "dead"
    assert badly.stderr == f"Error: {RUN}: dead after 1.2s (no good)\n"


def test_output_is_followed(stub: StubApi) -> None:
    texts = ["", "one\n", "one\ntwo\n", "wo\nthree\n"]
    steps = [Reply(value=execution(status="running", output=text)) for text in texts]
    stub.replies[f"GET /executions/{RUN}"] = [*steps, Reply(value=execution(output="three\nfour\n"))]
    stub.replies["POST /jobs/default:nightly/run"] = Reply(201, {"execution_id": RUN})

    answer = stub.call("run", "nightly", "-f")

    assert answer.exit_code == 0
    assert answer.stdout == "one\ntwo\nthree\nfour\n"
    assert answer.stderr.splitlines() == [RUN, f"{RUN}: success after 1.2s"]


def test_logs(stub: StubApi) -> None:
    stub.replies[f"GET /executions/{RUN}"] = Reply(value=execution(output="a\nb", status="failed", reason="timeout"))

    assert stub.call("logs", RUN).stdout == "a\nb\n"
    followed = stub.call("logs", RUN, "-f")
    assert (followed.exit_code, followed.stdout) == (1, "a\nb")
    assert followed.stderr == f"Error: {RUN}: failed after 1.2s (timeout)\n"


def test_waiting_too_long_says_how_to_go_on(stub: StubApi) -> None:
    from kronstream.cli.client.connection import Api
    from kronstream.cli.client.door import target_of
    from kronstream.cli.client.exits import Exit, Failure

    stub.replies[f"GET /executions/{RUN}"] = Reply(value=execution(status="running"))
    passed = iter(range(100))
    api = Api(target_of(stub.url, None))
    with pytest.raises(Failure, match="is running after 5 s and goes on; `kronstream logs -f") as caught:
        Pursuit(api, RUN, 5, lambda: float(next(passed)), lambda _: None).until_over(lambda _: None)
    api.close()
    assert caught.value.exit_code == Exit.TIMEOUT


def test_a_tail_that_slid_away_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    tail = Tail()
    for text in ("abc", "abc", "xyz", "zz", ""):
        tail({"output": text})
    assert capsys.readouterr().out == "abcxyzz"


def test_show_tells_everything(stub: StubApi) -> None:
    attempt = {
        "number": 1,
        "worker_id": "w-1",
        "started_at": "2026-12-24T07:00:00.000Z",
        "reason": "error",
        "error": "ValueError: no good",
    }
    lost = {**attempt, "number": 2, "reason": "worker_lost", "error": None}
    run = execution(output="a\nb\n", error={"type": "ValueError", "message": "no good"}, attempts=[attempt, lost])
    stub.replies[f"GET /executions/{RUN}"] = Reply(value=run)

    lines = stub.call("show", RUN).stdout.splitlines()

    assert lines[:4] == [
        f"Run:        {RUN}",
        "Job:        default/daily-cleanup (Daily Cleanup)",
        "Status:     success",
        "Trigger:    schedule",
    ]
    assert "Attempt:    1 of 4" in lines
    assert "Error:      ValueError: no good" in lines
    assert "Attempt 1:  2026-12-24T07:00:00.000Z on w-1: ValueError: no good" in lines
    assert "Attempt 2:  2026-12-24T07:00:00.000Z on w-1: worker_lost" in lines
    assert lines[-2:] == ["Output:     a", "            b"]
    assert json.loads(stub.call("show", RUN, "-o", "json").stdout) == run


# -- retry, cancel, pause, resume --------------------------------------------------------------------------------


def test_retry_and_cancel_of_some(stub: StubApi) -> None:
    stub.replies[f"POST /executions/{RUN}/retry"] = problem(409, "it is not over")
    stub.replies[f"POST /executions/{OTHER}/retry"] = Reply(value={"execution_id": f"{UID}-r1"})
    stub.replies[f"POST /executions/{OTHER}/cancel"] = Reply(202, {"message": "Execution cancelled"})

    retried = stub.call("retry", RUN, OTHER)

    assert (retried.exit_code, retried.stdout) == (1, f"{UID}-r1\n")
    assert retried.stderr == f"Error: {RUN}: it is not over\n"
    assert stub.call("cancel", OTHER).stdout == f"{OTHER}: Execution cancelled\n"


def test_cancel_by_filter(stub: StubApi) -> None:
    stub.replies["POST /executions:cancel"] = Reply(202, {"operation_id": "op-1", "count": 3})
    stub.replies["GET /operations/op-1"] = [
        Reply(value={"state": "running", "done": 1, "failed": 0, "count": 3}),
        Reply(value={"state": "done", "done": 3, "failed": 0, "count": 3}),
    ]

    answer = stub.call(
        "cancel", "--job", "nightly", "--status", "queued", "--from", "2026-12-01T00:00:00+01:00", "--wait"
    )
    counted = stub.call("cancel", "--job", "a/b", "--dry-run")

    assert answer.exit_code == 0, answer.output
    assert answer.stdout == "3 executions of nightly: operation op-1\n"
    assert answer.stderr.splitlines()[-1] == "operation op-1: done, 3 of 3"
    assert counted.stdout == "3 executions of a/b; nothing was done (dry run)\n"
    assert bodies(stub) == [
        {"job": "default:nightly", "status": "queued", "from": "2026-11-30T23:00:00.000Z"},
        {"job": "a:b", "dry_run": True},
    ]


@pytest.mark.parametrize("options", [(), (RUN, "--job", "x"), ("--status", "failed"), (RUN, "--dry-run")])
def test_ids_or_a_filter(stub: StubApi, options: tuple[str, ...]) -> None:
    answer = stub.call("retry", *options)

    assert answer.exit_code == 2
    assert "write the ids of executions, or --job" in answer.stderr


def test_pause_and_resume(stub: StubApi) -> None:
    for name in ("default:nightly", "a:b"):
        stub.replies[f"POST /jobs/{name}/pause"] = Reply(value={"message": "Job paused successfully"})
        stub.replies[f"POST /jobs/{name}/resume"] = Reply(value={"message": "Job resumed successfully"})

    paused = stub.call("pause", "nightly", "a/b", "--reason", "moving", "--until", "2h")

    first, second = bodies(stub)
    assert first == second
    assert first["reason"] == "moving"  # type: ignore[index]
    until = datetime.fromisoformat(first["until"])  # type: ignore[index]
    assert abs((until - datetime.now(UTC)).total_seconds() - 7_200) < 60
    assert paused.stdout.splitlines()[1] == f"a/b paused until {first['until']}"  # type: ignore[index]
    assert stub.call("resume", "a/b", "nightly").stdout == "a/b resumed\nnightly resumed\n"
    assert "is no instant; write one like" in stub.call("pause", "nightly", "--until", "tomorrow").stderr


# -- backfill, dead letters --------------------------------------------------------------------------------------


def test_backfill(stub: StubApi) -> None:
    stub.replies["POST /jobs/default:nightly/backfill"] = [
        Reply(
            202,
            {"operation_id": None, "count": 2, "instants": ["2026-12-01T02:00:00.000Z", "2026-12-02T02:00:00.000Z"]},
        ),
        Reply(202, {"operation_id": "op-2", "count": 2}),
    ]
    stub.replies["GET /operations/op-2"] = Reply(value={"state": "done", "done": 1, "failed": 1, "count": 2})
    span = ("--from", "2026-12-01T00:00:00Z", "--to", "2026-12-03T00:00:00Z")

    plan = stub.call("backfill", "nightly", *span, "--dry-run")
    begun = stub.call("backfill", "nightly", *span, "--pace", "10s", "--wait")

    assert plan.stdout == "2026-12-01T02:00:00.000Z\n2026-12-02T02:00:00.000Z\n"
    assert plan.stderr == "2 runs; nothing was started (dry run)\n"
    assert (begun.exit_code, begun.stdout) == (1, "op-2\n")
    assert begun.stderr.splitlines()[-1] == "Error: operation op-2: done, 2 of 2, 1 of them failed"
    given = {"from": "2026-12-01T00:00:00.000Z", "to": "2026-12-03T00:00:00.000Z"}
    assert bodies(stub) == [{**given, "dry_run": True}, {**given, "pace": "10s"}]


def test_dead_letters(stub: StubApi) -> None:
    run = {
        "id": "run-7-0", "kind": "run", "reason": "error", "message": "no good", "at": "2020-01-01T00:00:00.000Z",
        "execution_id": RUN, "namespace": "default", "job_name": "nightly", "handler_id": None, "text": None,
    }  # fmt: skip
    event = {**run, "id": "event-1-0", "kind": "event", "execution_id": None, "job_name": None, "handler_id": "u-1"}
    stub.replies["GET /dead-letters?kind=run&limit=100"] = page(
        *[{**run, "id": f"run-9-{n}"} for n in range(100)], total=101
    )
    stub.replies["GET /dead-letters?kind=run&limit=100&before=run-9-99"] = page(run, total=101)
    stub.replies["GET /dead-letters?kind=event&limit=100"] = page(event)
    stub.replies["POST /dead-letters/run-7-0/replay"] = Reply(202, {"execution_id": RUN, "matched": None})
    stub.replies["POST /dead-letters/event-1-0/replay"] = Reply(202, {"execution_id": None, "matched": [{}, {}]})
    stub.replies["DELETE /dead-letters/run-7-0"] = Reply(204)

    lines = stub.call("dead-letters", "list").stdout.splitlines()
    assert len(lines) == 103
    assert lines[0].split() == ["ID", "REASON", "AGE", "OF", "MESSAGE"]
    assert lines[101].split()[0] == "run-7-0"
    assert lines[101].endswith("default/nightly   no good")
    assert "handler u-1" in lines[102]
    assert f"Execution id:  {RUN}" in stub.call("dead-letters", "show", "run-7-0").stdout
    assert [stub.call("dead-letters", "show", one).exit_code for one in ("event-2-0", "x")] == [3, 3]
    assert stub.call("dead-letters", "replay", "run-7-0", "event-1-0").stdout.splitlines() == [
        f"run-7-0 replayed: run {RUN}",
        "event-1-0 replayed: 2 handlers",
    ]
    assert stub.call("dead-letters", "drop", "run-7-0", stdin="n\n").exit_code == 1
    assert not [asked for asked in stub.asked if asked.method == "DELETE"]
    assert stub.call("dead-letters", "drop", "run-7-0", "--yes").stdout == "run-7-0 dropped\n"


def test_queues_are_held(stub: StubApi) -> None:
    stub.replies["POST /queues/slow/pause"] = Reply(value={"message": "Queue paused successfully"})
    stub.replies["POST /queues/slow/resume"] = Reply(value={"message": "Queue resumed successfully"})

    assert stub.call("pause", "--queue", "slow", "--reason", "moving").stdout == "queue slow paused\n"
    assert stub.call("resume", "--queue", "slow").stdout == "queue slow resumed\n"
    assert bodies(stub) == [{"reason": "moving"}, None]
    assert stub.call("pause").exit_code == 2


# -- completion, colours, words ----------------------------------------------------------------------------------


def test_names_of_jobs_are_completed(stub: StubApi) -> None:
    stub.replies["GET /jobs?namespace=default&limit=200&offset=0"] = page(job("night"), job("nightly"), job("daily"))
    stub.replies["GET /jobs?namespace=a&limit=200&offset=0"] = page(job("b", namespace="a"))

    def complete(*words: str) -> list[str]:
        script = "from kronstream.cli.completion import kubectl; kubectl()"
        environ = {**os.environ, "KRONSTREAM_SERVER": stub.url}
        done = subprocess.run(
            [sys.executable, "-c", script, *words], env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    assert complete("run", "ni") == ["night", "nightly", ":4"]
    assert complete("history", "a/") == ["a/b", ":4"]
    assert complete("pause", "-n", "a", "") == ["b", ":4"]
    assert complete("get", "wo") == ["workers", ":4"]
    assert [line.split("\t")[0] for line in complete("ba")] == ["backfill", ":4"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shells_script(shell: str) -> None:
    answer = CliRunner().invoke(main, ["completion", shell])

    assert answer.exit_code == 0
    assert f"_KRONSTREAM_COMPLETE={shell}_complete" in answer.stdout


def on_terminal(stub: StubApi, **environ: str) -> str:
    """What a terminal gets from `get jobs`."""
    master, slave = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "kronstream.cli.main", "get", "jobs"], stdout=slave, stderr=slave, stdin=slave,
        env={**os.environ, "KRONSTREAM_SERVER": stub.url, **environ},
    )  # fmt: skip
    os.close(slave)
    said, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([master], [], [], 1)[0]:
            try:
                said += os.read(master, 65_536)
            except OSError:
                break
    os.close(master)
    assert done.wait(10) == 0, said
    return said.decode()


def test_colours_are_for_terminals(stub: StubApi) -> None:
    stub.replies[f"GET /jobs?namespace=default&{LIST}"] = page(job())

    assert "\x1b[32mactive\x1b[0m" in on_terminal(stub)
    assert "\x1b" not in on_terminal(stub, NO_COLOR="1")
    assert "\x1b" not in stub.call("get", "jobs").output


def test_spans() -> None:
    present = datetime(2026, 12, 24, tzinfo=UTC)
    assert away("2026-12-24T00:00:05Z", present) == "in 5s"
    assert away("2026-12-21T22:59:00Z", present) == "2d1h ago"
    assert away("nonsense", present) is away(None, present) is None
    assert [span(seconds) for seconds in (0, 0.25, 59, 3_600, 86_400 + 60)] == ["0s", "250ms", "59s", "1h", "1d"]
    assert [lasted(ms) for ms in (None, 5, 1_500, 60_000)] == [None, "5ms", "1.5s", "1m"]
    assert [seconds_of(text) for text in ("2h30m", "0s", "", "5", "-5s", "h", "9" * 30 + "w")] == [
        9_000,
        0,
        *[None] * 5,
    ]
