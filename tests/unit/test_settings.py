"""Settings: flag before variable before default, and a message for what cannot be used."""

import dataclasses
from pathlib import Path

import click
import pytest

from kronstream.cli.main import main
from kronstream.cli.options import settings_from
from kronstream.cli.worker import worker
from kronstream.domain.errors import Invalid
from kronstream.setting import read_settings
from kronstream.settings import OperatorSettings, RedisSettings, RouterSettings, WorkerSettings
from kronstream.streams.connection import connect


def test_defaults_of_a_worker() -> None:
    worker = read_settings(WorkerSettings, {})
    assert worker.redis.base_stream == "stream:scheduler:job.dispatch"
    assert worker.redis.group == "scheduler-workers"
    assert worker.consumer_name.startswith("consumer-")
    assert (worker.batch_size, worker.block_ms, worker.enabled, worker.queues) == (10, 5000, True, {"default": 10})
    assert worker.grace == 30_000
    assert read_settings(WorkerSettings, {}).consumer_name != worker.consumer_name


def test_limits_of_sync_functions() -> None:
    worker = read_settings(WorkerSettings, {})
    assert (worker.child_memory, worker.child_cpu_time) == (None, None)
    worker = read_settings(WorkerSettings, {"KRONSTREAM_CHILD_MEMORY": "256Mi", "KRONSTREAM_CHILD_CPU_TIME": "30s"})
    assert (worker.child_memory, worker.child_cpu_time) == (256 << 20, 30_000)


def test_flag_goes_before_variable_before_default() -> None:
    environ = {"KRONSTREAM_BATCH_SIZE": "7", "KRONSTREAM_BLOCK_MS": "70", "KRONSTREAM_QUEUE": ""}
    worker = read_settings(WorkerSettings, environ, batch_size="3", stream_name="s", handlers=("a", "b.py"))
    assert (worker.batch_size, worker.block_ms, worker.queues) == (3, 70, {"default": 10})
    assert worker.redis.base_stream == "s"
    assert worker.handlers == ("a", "b.py")


def test_queues_and_limits_of_a_worker() -> None:
    worker = read_settings(WorkerSettings, {"KRONSTREAM_LIMITS": "queue:mail=3, function:mail:send=2+100/1m"})
    assert worker.limits.shape() == {
        "queues": {"mail": {"name": "q/mail", "max": 3}},
        "functions": {"mail:send": {"name": "f/mail:send", "max": 2, "count": 100, "per": 60_000}},
    }
    worker = read_settings(WorkerSettings, {}, queue=("reports=4", "default"), concurrency="100")
    assert worker.queues == {"reports": 4, "default": 100}
    worker = read_settings(WorkerSettings, {"KRONSTREAM_QUEUE": "reports=4,default=1"}, limits="function:a=5/1h")
    assert (worker.queues, worker.limits.shape()) == (
        {"reports": 4, "default": 1},
        {"functions": {"a": {"name": "f/a", "count": 5, "per": 3_600_000}}},
    )


def test_lists_durations_and_switches_from_the_environment() -> None:
    environ = {
        "KRONSTREAM_NAMESPACES": "a, b",
        "KRONSTREAM_SCHEDULE_GRACE": "1m30s",
        "KRONSTREAM_ENABLED": "No",
        "KRONSTREAM_GRACE": "1500ms",
        "KRONSTREAM_SERVES": "team-a, team-b",
    }
    operator = read_settings(OperatorSettings, environ)
    assert operator.namespaces == ("a", "b")
    assert operator.grace == 90_000
    worker = read_settings(WorkerSettings, environ)
    assert (worker.enabled, worker.grace) == (False, 1500)
    assert (worker.serves, read_settings(WorkerSettings, {}).serves) == (("team-a", "team-b"), ())


@pytest.mark.parametrize(
    ("flag", "text", "says"),
    [
        ("child_memory", "256MB", "like 256Mi"),
        ("child_memory", "1Mi", "from 16Mi to 1Ti"),
        ("child_cpu_time", "500ms", "from 1s to 30d"),
        ("batch_size", "0", "whole number from 1"),
        ("batch_size", "many", "whole number"),
        ("batch_size", "9" * 5000, "whole number"),
        ("block_ms", "-1", "whole number"),
        ("enabled", "maybe", "true or false"),
        ("grace", "5", "like 1500ms"),
        ("grace", "2d", "from 0s to 1d"),
        ("queue", "GPU jobs", "lower-case"),
        ("queue", "a{b}", "lower-case"),
        ("queue", "reports=0", "whole number from 1 to 10000"),
        ("queue", "reports=x", "whole number from 1 to 10000"),
        ("queue", "reports=4,reports", "each queue once"),
        ("queue", "a=6000,b=6000", "10000 runs in all"),
        ("limits", "reports=4", "queue:NAME=LIMIT"),
        ("limits", "queue:=4", "queue:NAME=LIMIT"),
        ("limits", "queue:Reports=4", "lower-case"),
        ("limits", "queue:reports=0", "number from 1 to 10000"),
        ("limits", "queue:reports=3+", "is no limit"),
        ("limits", "function:mail:send=100/0s", "time from 1s to 1d"),
        ("limits", "function:mail:send=x/1m", "number from 1 to 1000000"),
        ("limits", ",".join(f"queue:q{number}=1" for number in range(101)), "at most 100"),
        ("stream_name", "a{b}", "without braces"),
        ("consumer_group", "a b", "without blanks"),
        ("consumer_name", "x" * 256, "255"),
        ("log_format", "xml", "text or json"),
        ("metrics_port", "70000", "65535"),
        ("redis_url", "http://x", "redis://"),
        ("http_allow", "10.0.0.0/33", "with or without a prefix length"),
        ("http_allow", "http://api", "host names (api.internal)"),
        ("callback_url", "kronstream.example", "a URL of http or https, like"),
        ("redis_url", "redis://h:99999", "redis://"),
        ("redis_url", "redis://", "redis://"),
        ("redis_url", "redis+sentinel://h:26379", "redis+sentinel://[user:password@]host:26379,host:26379/name"),
        ("redis_sentinel_password", "a\n", "without a newline"),
    ],
)
def test_what_cannot_be_used_names_flag_and_variable(flag: str, text: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_settings(WorkerSettings, {}, **{flag: text})
    assert f"--{flag.replace('_', '-')} (KRONSTREAM_{flag.upper()})" in str(caught.value)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_requests_of_jobs_may_reach() -> None:
    environ = {
        "KRONSTREAM_HTTP_ALLOW": "10.0.0.0/8, .svc.cluster.local,private",
        "KRONSTREAM_CALLBACK_URL": "https://kronstream.example/api/v1/scheduler",
    }
    types = read_settings(WorkerSettings, environ).types

    assert types.http_allow == ("10.0.0.0/8", ".svc.cluster.local", "private")
    assert types.callback_url == "https://kronstream.example/api/v1/scheduler"
    assert (read_settings(WorkerSettings, {}).types.http_allow, WorkerSettings().types.callback_url) == ((), "")


def test_a_password_is_in_no_message_and_no_repr() -> None:
    with pytest.raises(Invalid) as caught:
        read_settings(WorkerSettings, {"KRONSTREAM_REDIS_URL": "redis://u:hunter2@h:port/0"})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(read_settings(WorkerSettings, {"KRONSTREAM_REDIS_URL": "redis://u:hunter2@h/0"}))


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RedisSettings().url = "x"  # type: ignore[misc]


def test_where_the_pauses_are_and_whether_all_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "namespace"
    monkeypatch.setattr("kronstream.settings._POD_NAMESPACE", file)
    operator = read_settings(OperatorSettings, {})
    assert (operator.operator_namespace, operator.pauses, operator.paused) == (
        "kronstream-system",
        "kronstream-pauses",
        False,
    )
    file.write_text("schedulers\n")
    assert read_settings(OperatorSettings, {}).operator_namespace == "schedulers"
    environ = {
        "KRONSTREAM_OPERATOR_NAMESPACE": "ops",
        "KRONSTREAM_PAUSES": "holds.example",
        "KRONSTREAM_PAUSED": "yes",
    }
    operator = read_settings(OperatorSettings, environ)
    assert (operator.operator_namespace, operator.pauses, operator.paused) == ("ops", "holds.example", True)
    assert read_settings(OperatorSettings, environ, paused="False").paused is False


@pytest.mark.parametrize(
    ("flag", "text", "says"),
    [
        ("operator_namespace", "A", "like kronstream-system"),
        ("operator_namespace", "a.b", "like kronstream-system"),
        ("pauses", "a_b", "like kronstream-pauses"),
        ("pauses", "a" * 254, "like kronstream-pauses"),
        ("pauses", "../secrets/x", "like kronstream-pauses"),
        ("paused", "maybe", "true or false"),
    ],
)
def test_an_operators_setting_that_cannot_be_used_is_named(flag: str, text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        read_settings(OperatorSettings, {}, **{flag: text})


@pytest.mark.parametrize(("command", "kind"), [("worker", WorkerSettings), ("operator", OperatorSettings)])
def test_a_flag_that_says_several_may_be_given_again(command: str, kind: type) -> None:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    flags = {option.name: option for option in found.params if isinstance(option, click.Option)}
    several = {name for name, option in flags.items() if "(several: again, or between commas)" in (option.help or "")}
    assert several
    assert {name for name, option in flags.items() if option.multiple} == several
    assert flags.keys() >= {item.metadata["flag"] for item in dataclasses.fields(kind) if "flag" in item.metadata}


def test_flags_given_again_are_all_read() -> None:
    arguments = ["--queue", "reports=4", "--queue", "default", "--limits", "queue:reports=9", "--limits", "queue:b=1"]
    context = worker.make_context("worker", [*arguments, "--http-allow", "private", "--http-allow", "10.0.0.0/8"])
    settings = settings_from(WorkerSettings, context.params)
    assert settings.queues == {"reports": 4, "default": 10}
    assert sorted(settings.limits.queues) == ["b", "reports"]
    assert settings.types.http_allow == ("private", "10.0.0.0/8")


def test_routers_of_other_namespaces_are_other_readers_of_the_same_streams() -> None:
    all_of_them = read_settings(RouterSettings, {})
    some = read_settings(RouterSettings, {}, namespaces="b,a")

    assert all_of_them.readers == "kronstream-router"
    assert some.readers == "kronstream-router:a,b"
    assert some.readers == read_settings(RouterSettings, {}, namespaces="a,b").readers


@pytest.mark.parametrize(
    ("url", "username", "password", "login"),
    [
        ("redis://h:6379/0", "", "a/b+c=@:%", "redis://:a%2Fb%2Bc%3D%40%3A%25@h:6379/0"),
        ("rediss://h/3?ssl_ca_certs=/x", "u", "p w", "rediss://u:p%20w@h/3?ssl_ca_certs=/x"),
        ("unix:///run/redis.sock", "", "pw", "unix://:pw@/run/redis.sock"),
        ("redis://x:y@h/0", "u", "other", "redis://x:y@h/0"),
        ("redis://h/0", "", "", "redis://h/0"),
    ],
)
def test_user_and_password_of_their_own_become_part_of_the_url(
    url: str, username: str, password: str, login: str
) -> None:
    environ = {"URL": url, "USERNAME": username, "PASSWORD": password}
    settings = read_settings(RedisSettings, {f"KRONSTREAM_REDIS_{name}": text for name, text in environ.items()})
    assert settings.url == login
    assert RedisSettings(**dataclasses.asdict(settings)) == settings
    if password:
        assert password not in repr(settings)
    client = connect(settings.url).connection_pool.connection_kwargs
    if "y@" not in url:
        assert (client.get("username") or "", client.get("password") or "") == (username, password)


def test_the_sentinels_have_a_login_of_their_own() -> None:
    environ = {
        "KRONSTREAM_REDIS_URL": "redis+sentinel://h:1,i:2/main/3",
        "KRONSTREAM_REDIS_PASSWORD": "hunter2",
        "KRONSTREAM_REDIS_SENTINEL_USERNAME": "s",
        "KRONSTREAM_REDIS_SENTINEL_PASSWORD": "a b/c'+&=\"@",
    }
    settings = read_settings(RedisSettings, environ)

    assert settings.url == (
        "redis+sentinel://:hunter2@h:1,i:2/main/3?sentinel_username=s&sentinel_password=a%20b%2Fc%27%2B%26%3D%22%40"
    )
    assert RedisSettings(**dataclasses.asdict(settings)) == settings
    assert "hunter2" not in repr(settings)
    assert "a b/c" not in repr(settings)
    assert read_settings(RedisSettings, {**environ, "KRONSTREAM_REDIS_URL": "redis://h"}).url == "redis://:hunter2@h"


def test_a_password_with_a_newline_is_refused_without_being_told() -> None:
    with pytest.raises(Invalid, match="without a newline at the end") as caught:
        read_settings(RedisSettings, {"KRONSTREAM_REDIS_PASSWORD": "hunter2\n"})
    assert "hunter2" not in str(caught.value)
