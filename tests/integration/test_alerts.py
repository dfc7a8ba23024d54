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
BEGUN, SKIPPED, ENTRIES = "kronstream_start_delay_seconds", "kronstream_runs_skipped_total", "kronstream_queue_entries"
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


def begins(fast: int, of: int) -> dict[str, str]:
    """Entries of a queue that were begun within a minute, and all of them, a minute."""
    return {
        ours(BEGUN + "_bucket", queue="reports", le="60.0"): f"0+{fast}x90",
        ours(BEGUN + "_bucket", queue="reports", le="+Inf"): f"0+{of}x90",
        ours(BEGUN + "_count", queue="reports"): f"0+{of}x90",
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
# series, and the recorded values an hour on by the labels that they have beside the namespace, in thousandths
RECORDED: list[tuple[str, dict[str, str], dict[str, float]]] = [
    *((f"kronstream:dispatch_late:ratio_rate{window}", delays(90, 100, 90), {"": 0.1})
      for window in ("5m", "30m", "1h", "6h")),
    ("kronstream:start_late:ratio_rate1h", begins(75, 100), {'queue="reports"': 0.25}),
    ("kronstream:start_late:ratio_rate1h", begins(0, 0), {}),
    *((f"kronstream:api_faults:ratio_rate{window}", calls(75, 25), {"": 0.25}) for window in ("5m", "1h")),
    ("kronstream:api_faults:ratio_rate1h",
     {ours(CALLS, method="GET", route="/api/v1/scheduler/jobs", status="200"): "0+5x90"}, {"": 0}),
    # two operators tell the same totals, and one of them began anew
    ("kronstream:runs_ended:rate5m", ends(60, 6) | ends(60, 6, "b"),
     {'outcome="success",reason="none"': 1, 'outcome="failed",reason="error"': 0.1}),
    ("kronstream:runs_skipped:rate5m", {ours(SKIPPED, reason="late"): "0+60x90",
                                        ours(SKIPPED, reason="late", instance="b"): "_x56 0+60x30"},
     {'reason="late"': 1}),
    ("kronstream:queue_entries:max", {ours(ENTRIES, queue="reports"): "7x90", ours(ENTRIES, queue="mail"): "0x90",
                                      ours(ENTRIES, queue="reports", instance="b"): "7x90"},
     {'queue="reports"': 7, 'queue="mail"': 0}),
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


def as_test(cases: dict[str, Case]) -> dict[str, Any]:
    """Cases as promtool reads them, each in a namespace of its own; ALERTS is what Prometheus makes of the alerts."""
    series, asked = [], []
    for space, case in cases.items():
        series += [{"series": name.replace('"k"', f'"{space}"'), "values": told} for name, told in case.series.items()]
        where = f'alertname="{case.alert}",alertstate="firing",namespace="{space}"'
        fires = (space if name == "k" else name for name in case.fires)
        asked.append({
            "expr": f"count by ({case.by}) (ALERTS{{{where}}})",
            "eval_time": f"{case.at}m",
            "exp_samples": [{"labels": f'{{{case.by}="{name}"}}' if name else "{}", "value": 1} for name in fires],
        })  # fmt: skip
    return {"name": ", ".join(cases), "interval": "1m", "input_series": series, "promql_expr_test": asked}


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    promtool("check", "rules", *FILES)
    page = tmp_path / "alerts_test.yaml"
    (alone,) = (case for case in CASES if "" in case.fires)  # where there is nothing, nor a namespace of it
    others = {f"case-{number}": case for number, case in enumerate(CASES) if "" not in case.fires}
    written = {"rule_files": [str(file) for file in FILES], "evaluation_interval": "1m"}
    page.write_text(yaml.safe_dump({**written, "tests": [as_test({"": alone}), as_test(others)]}, width=1_000))
    assert "SUCCESS" in promtool("test", "rules", page)


def as_recorded(space: str, record: str, series: dict[str, str], told: dict[str, float]) -> dict[str, Any]:
    """A case of RECORDED as promtool reads it, in a namespace of its own."""
    samples = [
        {"labels": f'{{namespace="{space}"{labels and ","}{labels}}}', "value": value} for labels, value in told.items()
    ]
    return {
        "name": f"{space} {record}",
        "interval": "1m",
        "input_series": [{"series": name.replace('"k"', f'"{space}"'), "values": at} for name, at in series.items()],
        "promql_expr_test": [{"expr": f"round({record}, 0.001)", "eval_time": "60m", "exp_samples": samples}],
    }


def test_every_recorded_series_has_the_value_that_it_should(tmp_path: Path) -> None:
    tests = [as_recorded(f"case-{number}", *case) for number, case in enumerate(RECORDED)]
    page = tmp_path / "recorded_test.yaml"
    written = {"rule_files": [str(file) for file in FILES], "evaluation_interval": "1m"}
    page.write_text(yaml.safe_dump({**written, "tests": tests}, width=1_000))
    assert "SUCCESS" in promtool("test", "rules", page)
    objectives = {rule["record"] for rule in rules() if rule.get("record", "").endswith(":objective")}
    assert {name for name, _, _ in RECORDED} | objectives == {rule["record"] for rule in rules() if "record" in rule}


def test_every_objective_is_held_against_something() -> None:
    """In an alert, or on a dashboard."""
    pages = "".join(file.read_text() for file in (ROOT / "charts/kronstream/files/dashboards").glob("*.json"))
    asked = pages + "".join(str(rule["expr"]) for rule in rules())
    for rule in rules():
        if rule.get("record", "").endswith(":objective"):
            assert rule["record"] in asked
            assert 0 < float(rule["expr"]) < 0.05


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
