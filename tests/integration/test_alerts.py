"""The alerts and recorded series of the chart, judged by promtool: each alert fires when it should, and only then."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kronstream.cli.metrictable import rows

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "charts" / "kronstream" / "files" / "alerts").glob("*.yaml"))
HEADINGS = ["What it means", "How to look", "What to do"]
HOUR = 60


@dataclass(frozen=True)
class Case:
    """Series by name and labels, as promtool writes them (a value a minute), and whether the alert fires at `at`
    (minutes); `fires` are the values of the label `by` with which it does."""

    alert: str
    series: dict[str, str]
    fires: tuple[str, ...] = ()
    by: str = "namespace"
    at: int = 30


def ours(name: str, **labels: str) -> str:
    """A series of one installation."""
    told = {"namespace": "k", "instance": "a", **labels}
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in told.items()) + "}"


DISPATCHING, DUE = "kronstream_operator_dispatching", "kronstream_oldest_due_age_seconds"
BUCKET, COUNT = "kronstream_dispatch_delay_seconds_bucket", "kronstream_dispatch_delay_seconds_count"
UNTOLD, WRITES = "kronstream_status_untold", "kronstream_status_writes_total"
HANDLER_WRITES = "kronstream_handler_status_writes_total"
LISTED, RESTARTS = "kronstream_watch_last_list_timestamp_seconds", "kronstream_watch_restarts_total"
WAITING, WORKERS, PAUSED = "kronstream_queue_waiting", "kronstream_queue_workers", "kronstream_queue_paused"
AGE, LETTERS, ENDED = "kronstream_queue_oldest_age_seconds", "kronstream_dead_letters", "kronstream_runs_ended_total"
STALLS, LOOPS = "kronstream_worker_loop_stalls_total", "kronstream_worker_loop_restarts_total"
UNSENT, REDIS, LAG = "kronstream_worker_unsent", "kronstream_redis_up", "kronstream_event_stream_lag"
TRIPS, CALLS = "kronstream_redis_roundtrip_seconds_bucket", "kronstream_api_requests_total"
EXPIRY = "kronstream_certificate_expiry_timestamp_seconds"


def lane(name: str, queue: str = "reports", **labels: str) -> str:
    return ours(name, queue=queue, lane="medium", **labels)


def delays(within: int, of: int, minutes: int) -> dict[str, str]:
    """Runs dispatched within a second, and all of them, a minute."""
    return {
        ours(BUCKET, le="1.0"): f"0+{within}x{minutes}",
        ours(BUCKET, le="60.0"): f"0+{of}x{minutes}",
        ours(BUCKET, le="+Inf"): f"0+{of}x{minutes}",
        ours(COUNT): f"0+{of}x{minutes}",
    }


def trips(fast: int, of: int) -> dict[str, str]:
    return {ours(TRIPS, le="0.1"): f"0+{fast}x60", ours(TRIPS, le="5.0"): f"0+{of}x60",
            ours(TRIPS, le="+Inf"): f"0+{of}x60"}  # fmt: skip


def ends(good: int, bad: int, replica: str = "a") -> dict[str, str]:
    return {
        ours(ENDED, outcome="success", reason="none", instance=replica): f"0+{good}x60",
        ours(ENDED, outcome="failed", reason="error", instance=replica): f"0+{bad}x60",
    }


def calls(good: int, bad: int) -> dict[str, str]:
    return {
        ours(CALLS, method="GET", route="/api/v1/scheduler/jobs", status="200"): f"0+{good}x60",
        ours(CALLS, method="GET", route="/api/v1/scheduler/jobs", status="500"): f"0+{bad}x60",
        ours(CALLS, method="GET", route="/readyz", status="503"): "0+50x60",
    }


# fmt: off
CASES = [
    Case("KronstreamNotDispatching", {ours(DISPATCHING): "0x60", ours(DISPATCHING, instance="b"): "0x60"}, ("k",)),
    Case("KronstreamNotDispatching", {"up": "1x60"}, ("",)),
    Case("KronstreamNotDispatching", {ours(DISPATCHING): "0x60", ours(DISPATCHING, instance="b"): "1x60"}),
    Case("KronstreamDispatchLate", {ours(DUE): "0+10x60", ours(DUE, instance="b"): "0x60"}, ("k",)),
    Case("KronstreamDispatchLate", {ours(DUE): "0x60", **delays(50, 100, 60)}, ("k",)),
    Case("KronstreamDispatchLate", {ours(DUE): "0.7x60", **delays(100, 100, 60)}),
    Case("KronstreamDispatchSloBurn", delays(90, 100, 90), ("k",), at=80),
    Case("KronstreamDispatchSloBurn", delays(9_995, 10_000, 90), at=80),
    Case("KronstreamStatusBehind", {ours(UNTOLD): "5x60", ours(WRITES, outcome="ok"): "7x60"}, ("k",)),
    Case("KronstreamStatusBehind", {ours(UNTOLD): "2000x60", ours(WRITES, outcome="ok"): "0+9x60"}, ("k",), at=45),
    Case("KronstreamStatusBehind", {ours(UNTOLD): "5x60", ours(WRITES, outcome="ok"): "7x60",
                                    ours(HANDLER_WRITES, outcome="ok", instance="r"): "0+3x60"}),
    Case("KronstreamStatusBehind", {ours(UNTOLD): "0x60", ours(WRITES, outcome="ok"): "7x60"}),
    Case("KronstreamWatchDead", {ours(LISTED, resource="scheduledjobs"): "0x60"}, ("scheduledjobs",), "resource"),
    Case("KronstreamWatchDead", {ours(RESTARTS, resource="scheduledjobs"): "0+1x60"}, ("scheduledjobs",), "resource"),
    Case("KronstreamWatchDead", {ours(LISTED, resource="scheduledjobs"): "0 0 0+60x60",
                                 ours(RESTARTS, resource="scheduledjobs"): "0 1x60"}),
    Case("KronstreamNoWorkers", {lane(WAITING): "3x60", ours(WORKERS, queue="reports"): "0x60"}, ("reports",), "queue"),
    Case("KronstreamNoWorkers", {lane(WAITING): "3x60", ours(WORKERS, queue="reports"): "1x60",
                                 lane(WAITING, "mail"): "0x60", ours(WORKERS, queue="mail"): "0x60"}),
    Case("KronstreamQueueNotDrained", {lane(AGE): "0+60x60", ours(PAUSED, queue="reports"): "0x60"}, ("reports",),
         "queue"),
    Case("KronstreamQueueNotDrained", {lane(AGE): "0+60x60", ours(PAUSED, queue="reports"): "1x60"}),
    Case("KronstreamQueueNotDrained", {lane(AGE): "20x60", ours(PAUSED, queue="reports"): "0x60"}),
    Case("KronstreamDeadLettersGrowing", {ours(LETTERS, kind="run"): "0x10 1x60"}, ("run",), "kind"),
    Case("KronstreamDeadLettersGrowing", {ours(LETTERS, kind="event"): "5000x60"}, ("event",), "kind"),
    Case("KronstreamDeadLettersGrowing", {ours(LETTERS, kind="run"): "7x30 6x60"}),
    Case("KronstreamJobsFailing", ends(1, 1) | ends(1, 1, "b"), ("k",), at=45),
    Case("KronstreamJobsFailing", ends(100, 1), at=45),
    Case("KronstreamJobsFailing", {ours(ENDED, outcome="failed", reason="error"): "0x10 1x60"}, at=45),
    Case("KronstreamLoopKilled", {ours(STALLS): "0x20 1x60"}, ("a",), "instance"),
    Case("KronstreamLoopKilled", {ours(LOOPS): "0+1x60"}, ("a",), "instance"),
    Case("KronstreamLoopKilled", {ours(STALLS): "0x60", ours(LOOPS): "0x20 1x60"}),
    Case("KronstreamEndsNotRecorded", {ours(UNSENT): "4x60"}, ("a",), "instance"),
    Case("KronstreamEndsNotRecorded", {ours(UNSENT): "4 0 4 0 4 0 4 0 4 0 4 0 4 0 4 0 4 0"}, at=16),
    Case("KronstreamRedisAway", {ours(REDIS): "1x20 0x60", ours(REDIS, instance="b"): "1x60"}, ("a",), "instance"),
    Case("KronstreamRedisAway", {ours(REDIS): "1x60"}),
    Case("KronstreamRedisSlow", trips(90, 100), ("k",)),
    Case("KronstreamRedisSlow", trips(1_000, 1_000)),
    Case("KronstreamEventsLag", {ours(LAG, stream="stream:events"): "5000x60"}, ("stream:events",), "stream"),
    Case("KronstreamEventsLag", {ours(LAG, stream="stream:events"): "5000x25 0 5000x60"}),
    Case("KronstreamApiErrors", calls(90, 10), ("k",)),
    Case("KronstreamApiErrors", calls(99, 1)),
    Case("KronstreamCertificateExpires", {ours(EXPIRY): "86400x60"}, ("a",), "instance"),
    Case("KronstreamCertificateExpires", {ours(EXPIRY): "864000x60"}),
]
# fmt: on


def rules() -> list[dict[str, Any]]:
    """Every rule of every file."""
    groups = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def promtool(*arguments: str | Path) -> str:
    program = shutil.which("promtool")
    assert program, "promtool is missing: bash scripts/prometheus.sh"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def as_test(case: Case) -> dict[str, Any]:
    """A case as promtool reads it; ALERTS is what Prometheus itself makes of the alerts."""
    asked = f'count by ({case.by}) (ALERTS{{alertname="{case.alert}",alertstate="firing"}})'
    found = [{"labels": f'{{{case.by}="{name}"}}' if name else "{}", "value": 1} for name in case.fires]
    return {
        "name": f"{case.alert}: {case.series}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": f"{case.at}m", "exp_samples": found}],
    }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    promtool("check", "rules", *FILES)
    page = tmp_path / "alerts_test.yaml"
    tests = [as_test(case) for case in CASES]
    page.write_text(yaml.safe_dump({"rule_files": [str(file) for file in FILES], "evaluation_interval": "1m",
                                    "tests": tests}))  # fmt: skip
    assert "SUCCESS" in promtool("test", "rules", page)


def test_every_alert_is_tried_both_ways() -> None:
    assert (
        {case.alert for case in CASES if case.fires} == {case.alert for case in CASES if not case.fires} == set(ALERTS)
    )


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_means_and_has_a_page(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    told = rule["annotations"]
    assert told["summary"]
    assert told["description"].endswith(".")
    page = (ROOT / told["runbook_url"]).read_text()
    assert f"`{alert}`" in page
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS


def test_rules_ask_for_metrics_that_there_are() -> None:
    known = {row.name for row in rows()} | {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        for name in re.findall(r"\bkronstream[_:][a-z_:0-9]+", str(rule["expr"])):
            assert name in known or re.sub("_(bucket|count|sum)$", "", name) in known, name
