"""What helm says to values that cannot be used, and to those that only look so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.charting import Helm, HelmError, Object

HOST = {"redis": {"host": "redis"}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"operator": {"replica": 3}}, r"/operator.*additional properties 'replica' not allowed"),
        ({"operator": {"replicas": -1}}, r"/operator/replicas.*minimum: got -1, want 0"),
        ({"operator": {"replicas": "two"}}, r"/operator/replicas.*got string, want integer"),
        ({"log": {"level": "loud"}}, r"/log/level.*must be one of 'debug', 'info', 'warning', 'error'"),
        ({"namespaces": ["Team A"]}, r"/namespaces/0.*does not match pattern"),
        ({"namespaces": ["a", "a"]}, r"/namespaces.*items at 0 and 1 are equal"),
        ({"image": {"digest": "latest"}}, r"/image/digest.*does not match pattern.*sha256"),
        ({"image": {"pullPolicy": "Sometimes"}}, r"/image/pullPolicy.*must be one of"),
        ({"redis": {"port": 70000}}, r"/redis/port.*maximum: got 70,?000, want 65,?535"),
        ({"redis": {"streamName": "a{b}"}}, r"/redis/streamName.*does not match pattern"),
        ({"redis": {"embedded": {"command": "redis-cli"}}}, r"/redis/embedded/command.*must be one of"),
        ({"workers": [{"queues": ["a"]}]}, r"/workers/0.*missing property 'name'"),
        ({"workers": [{"name": "a", "queue": "b"}]}, r"/workers/0.*additional properties 'queue' not allowed"),
        ({"workers": [{"name": "a", "queues": ["b=0"]}]}, r"/workers/0/queues/0.*does not match pattern"),
        ({"workers": [{"name": "a", "queues": []}]}, r"/workers/0/queues.*minItems: got 0, want 1"),
        ({"workers": [{"name": "a", "concurrency": 0}]}, r"/workers/0/concurrency.*minimum: got 0, want 1"),
        ({"workers": [{"name": "a", "rights": {"impersonate": ["root"]}}]}, r"/rights/impersonate/0.*not match"),
        ({"workers": [{"name": "a", "autoscaling": {"kind": "vpa"}}]}, r"/autoscaling/kind.*must be one of"),
        ({"operator": {"settings": {"KRONSTREAM_STATUS_RAT": 5}}}, r"/operator/settings.*'KRONSTREAM_STATUS_RAT'"),
        ({"operator": {"settings": {"KRONSTREAM_REDIS_URL": "x"}}}, r"/operator/settings.*'KRONSTREAM_REDIS_URL'"),
        ({"monitoring": {"rules": {"runbookUrl": "docs/runbooks"}}}, r"/rules/runbookUrl.*does not match pattern"),
        ({"webhook": {"failurePolicy": "Maybe"}}, r"/webhook/failurePolicy.*must be one of 'Ignore', 'Fail'"),
        ({"webhook": {"timeoutSeconds": 60}}, r"/webhook/timeoutSeconds.*maximum: got 60, want 30"),
        ({"certificates": {"source": "vault"}}, r"/certificates/source.*must be one of"),
        ({"pods": {"securityContext": {"runAsUser": 0}}}, r"/pods/securityContext/runAsUser.*minimum: got 0, want 1"),
        ({"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}}, r"/cidrs/0.*does not match pattern"),
        # what a schema cannot say
        ({"redis": {"host": ""}}, r"say exactly one of redis\.host, .*; 0 are said"),
        ({"redis": {"host": "h", "embedded": {"enabled": True}}}, r"say exactly one of .*; 2 are said"),
        ({"redis": {"host": "", "existingSecret": {"name": "s"}, "tls": {"enabled": True}}}, r"belong to redis\.host"),
        ({"redis": {"host": "h", "username": "u"}}, r"redis\.username needs a password"),
        ({"redis": {"sentinel": {"addresses": ["redis://h"]}}}, r"/redis/sentinel/addresses/0.*does not match pattern"),
        (
            {"redis": {"host": "h", "sentinel": {"master": "m", "addresses": ["i"]}}},
            r"say exactly one of .*; 2 are said",
        ),
        ({"redis": {"host": "", "sentinel": {"master": "m"}}}, r"needs redis\.sentinel\.addresses"),
        ({"redis": {"host": "h", "sentinel": {"addresses": ["i"]}}}, r"needs redis\.sentinel\.master"),
        (
            {"redis": {"host": "", "sentinel": {"master": "m", "addresses": ["h"], "username": "u"}}},
            r"redis\.sentinel\.username needs a password",
        ),
        ({"workers": [{"name": "a"}, {"name": "a"}]}, r"two pools are called a"),
        ({"workers": [{"name": "a", "rights": {"impersonate": ["*", "b/c"]}}]}, r"leave out the others: b"),
        (
            {"workers": [{"name": "a", "autoscaling": {"kind": "hpa", "minReplicas": 0}}]},
            r"minReplicas 0 needs .* keda",
        ),
        (
            {"workers": [{"name": "a", "autoscaling": {"kind": "keda", "minReplicas": 9, "maxReplicas": 2}}]},
            "9 is more",
        ),
        (
            {
                "fullnameOverride": "a" * 40,
                "workers": [{"name": "b" * 16, "autoscaling": {"kind": "keda"}}],
            },
            rf"pool {'b' * 16}: keda labels .* a{{40}}-worker-b{{16}}, which has 64 letters.*: write a shorter name",
        ),
        (
            {
                "redis": {"host": "", "existingSecret": {"name": "s"}},
                "workers": [{"name": "a", "autoscaling": {"kind": "keda"}}],
            },
            r"keda cannot read the address",
        ),
        (
            {
                "redis": {"host": "", "embedded": {"enabled": True}},
                "networkPolicy": {"enabled": True},
                "workers": [{"name": "a", "autoscaling": {"kind": "keda"}}],
            },
            r"keda asks the embedded Redis itself.*as networkPolicy\.redisFrom: ",
        ),
        (
            {"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
            "scraped twice; enable one of them",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(helm: Helm, values: dict[str, Any], says: str) -> None:
    with pytest.raises(HelmError, match=says):
        helm.made({**HOST, **values})


MISTAKES = yaml.safe_load((Path(__file__).parent / "chart_mistakes.yaml").read_text("utf-8"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: " ".join(mistake["values"]))
def test_a_mistake_is_answered_by_what_to_write(helm: Helm, mistake: Object) -> None:
    with pytest.raises(HelmError) as caught:
        helm.made({**HOST, **mistake["values"]})

    said = str(caught.value)
    told = said.split("these values cannot be used:\n")[1].split("\n\n", maxsplit=1)[0]
    assert sorted(told.splitlines()) == mistake["lines"]
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "values",
    [
        {"redis": {"embedded": {"enabled": True, "resources": {"limits": {"memory": 2**29 + 1}}}}},
        {"redis": {"embedded": {"enabled": True, "resources": {"limits": {"cpu": 1}}}}},
        {"redis": {"host": "h"}, "image": {"repository": "localhost:5000/kronstream"}},
        {
            "redis": {"host": "h"},
            "workers": [
                {
                    "name": "a",
                    "env": [{"name": "PYTHONPATH", "value": "/mine"}],
                    "volumes": [{"name": "packages", "emptyDir": {}}, {"name": "redis-ca", "emptyDir": {}}],
                    "volumeMounts": [{"name": "packages", "mountPath": "/tmp/packages"}],
                }
            ],
        },
        {
            "redis": {"host": "h"},
            "webhook": {
                "enabled": True,
                "tls": {"existingSecret": "pair"},
                "annotations": {"cert-manager.io/inject-ca-from-secret": "sched/pair"},
            },
        },
    ],
)
def test_what_looks_like_a_mistake_and_is_none(helm: Helm, values: Object) -> None:
    assert helm.made(values)
