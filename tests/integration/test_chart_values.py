"""What certain values make of the chart."""

import re
from typing import Any

import pytest
import yaml

from integration.charting import CHART, SETS, Helm, Object, pods
from kronstream.domain import redisurl
from kronstream.setting import read_settings
from kronstream.settings import RedisSettings

HOST = {"redis": {"host": "redis"}}


@pytest.fixture(scope="module")
def every(helm: Helm) -> list[list[Object]]:
    """The objects of each value set."""
    return [helm.render(values=values) for values in SETS]


def named(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def environ(objects: list[Object], deployment: str, container: int = 0) -> dict[str, Any]:
    spec = named(objects, "Deployment", deployment)["spec"]["template"]["spec"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in spec["containers"][container]["env"]}


def test_redis_by_sentinels(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "sentinel-values.yaml")
    seen = 0
    for pod in pods(objects):
        for container in pod["spec"]["containers"]:
            found = {one["name"]: one.get("value") or one["valueFrom"] for one in container["env"]}
            if "KRONSTREAM_REDIS_URL" not in found:
                continue
            seen += 1
            assert found["KRONSTREAM_REDIS_SENTINEL_PASSWORD"] == {
                "secretKeyRef": {"name": "sentinel-login", "key": "password"}
            }
            said = {name: text for name, text in found.items() if isinstance(text, str) and "_REDIS_" in name}
            secrets = {"KRONSTREAM_REDIS_PASSWORD": "p/w", "KRONSTREAM_REDIS_SENTINEL_PASSWORD": "s/p"}
            url = read_settings(RedisSettings, {**said, **secrets}).url
            of = redisurl.sentinels(url)
            assert of is not None
            assert of.hosts == (
                ("sentinel-0.sentinels.data", 26379),
                ("sentinel-1.sentinels.data", 26380),
                ("fd00::3", 26379),
            )
            assert (of.name, of.tls) == ("kron.main", True)
            assert of.server.startswith("rediss://kronstream:p%2Fw@primary/2?ssl_ca_certs=")
            assert redisurl.sentinel_login(url) == ("kronstream", "s/p")
    assert seen >= 4
    policies = {item["metadata"]["name"]: item["spec"] for item in objects if item["kind"] == "NetworkPolicy"}
    ports = [rule["ports"] for rule in policies["kronstream-api"]["egress"]]
    assert {6379, 26379, 26380} in [{port["port"] for port in some} for some in ports]


def test_redis_by_address(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "address-values.yaml")
    for name in ("kronstream-operator", "kronstream-worker", "kronstream-api"):
        found = environ(objects, name)
        assert found["KRONSTREAM_REDIS_URL"] == (
            "rediss://redis.data.svc:6380/3?ssl_ca_certs=/etc/kronstream/redis-ca/ca.crt"
            "&ssl_certfile=/etc/kronstream/redis-client/tls.crt&ssl_keyfile=/etc/kronstream/redis-client/tls.key"
        )
        assert found["KRONSTREAM_REDIS_USERNAME"] == "kronstream"
        assert found["KRONSTREAM_REDIS_PASSWORD"] == {"secretKeyRef": {"name": "redis-password", "key": "secret"}}
        assert found["KRONSTREAM_STREAM_NAME"] == "stream:team:dispatch"


def test_a_list_of_namespaces_makes_no_right_in_the_cluster_but_to_review(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "namespaces-values.yaml")
    bound = {item["roleRef"]["name"] for item in objects if item["kind"] == "ClusterRoleBinding"}
    assert bound == {"kronstream-api-reviews"}
    rules = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["rules"]
        for item in objects
        if item["kind"] == "Role"
    }
    (rule,) = rules["team-a", "kronstream-worker-reports-impersonate"]
    assert (rule["verbs"], rule["resourceNames"]) == (["impersonate"], ["reader", "writer"])
    (rule,) = rules["team-b", "kronstream-worker-team-b-impersonate"]
    assert "resourceNames" not in rule
    assert {place for place, name in rules if name == "kronstream-worker-team-b"} == {"team-b"}
    assert ("team-a", "kronstream-worker-reports") not in rules
    for name in ("kronstream-operator", "kronstream-api"):
        assert environ(objects, name)["KRONSTREAM_NAMESPACES"] == "team-a,team-b"


def test_who_installs_is_told_whom_workers_may_act_as(helm: Helm) -> None:
    pools = [
        {"name": "one", "rights": {"impersonate": ["team-a/*", "team-b/maker"]}},
        {"name": "any", "queues": ["any"], "rights": {"impersonate": ["*"]}},
    ]
    values = yaml.safe_dump({**HOST, "crds": {"install": False}, "workers": pools})
    said = helm("install", "r", str(CHART), "-n", "sched", "--dry-run=client", "-f", "-", stdin=values)
    looks = [part.replace("\n", " ").strip() for part in said.split("Look: ")[1:]]
    assert looks == [
        "workers of pool one may act as any service account of team-a.",
        "workers of pool any may act as any service account of the cluster.",
    ]


def test_a_pool_serves_what_it_says_and_else_what_the_release_serves(helm: Helm) -> None:
    pools = [{"name": "default"}, {"name": "own", "queues": ["own"], "serves": ["team-b"]}]
    objects = helm.made({**HOST, "namespaces": ["team-a", "team-b"], "workers": pools})
    assert environ(objects, "kronstream-worker")["KRONSTREAM_SERVES"] == "team-a,team-b"
    own = environ(objects, "kronstream-worker-own")
    assert (own["KRONSTREAM_SERVES"], own["KRONSTREAM_NAMESPACES"]) == ("team-b", "team-a,team-b")
    assert "KRONSTREAM_SERVES" not in environ(helm.made(HOST), "kronstream-worker")


LOCKED = "acme-jobs==1.4.2 --hash=sha256:0f\nidna==3.10 \\\n    --hash=sha256:94\n"


def test_the_installer_has_no_variable_of_the_pool_and_installs_what_is_locked(helm: Helm) -> None:
    """What is installed before each start may be somebody's code: it must not see what the functions may."""
    pool = {
        "name": "own",
        "handlers": {
            "requirements": LOCKED,
            "installerEnv": [{"name": "PIP_INDEX_URL", "value": "http://index/simple"}],
        },
        "env": [{"name": "DATABASE", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}],
        "envFrom": [{"secretRef": {"name": "model-access"}}],
    }

    def made(**handlers: object) -> tuple[Object, Object, Object]:
        objects = helm.made({**HOST, "workers": [{**pool, "handlers": {**pool["handlers"], **handlers}}]})
        template = named(objects, "Deployment", "kronstream-worker-own")["spec"]["template"]
        (installer,) = template["spec"]["initContainers"]
        (locked,) = [one for one in objects if one["kind"] == "ConfigMap" and "requirements" in one["metadata"]["name"]]
        return template, installer, locked

    template, installer, locked = made()
    assert installer["env"] == pool["handlers"]["installerEnv"]
    assert "envFrom" not in installer
    words = [*installer["command"], *installer["args"]]
    assert words[:4] == ["python3", "-m", "pip", "install"]
    assert {"--require-hashes", "--only-binary=:all:"} < set(words)
    assert words[-2:] == ["-r", "/requirements/requirements.txt"]
    assert locked["data"] == {"requirements.txt": LOCKED}
    mounts = {one["name"]: one["mountPath"] for one in installer["volumeMounts"]}
    (volume,) = [one for one in template["spec"]["volumes"] if one.get("configMap")]
    assert (mounts[volume["name"]], volume["configMap"]["name"]) == ("/requirements", locked["metadata"]["name"])
    (worker,) = template["spec"]["containers"]
    assert "DATABASE" in {one["name"] for one in worker["env"]}
    assert {"name": "PYTHONPATH", "value": "/packages"} in worker["env"]
    # Pods are replaced when what they install changes
    assert made(requirements=f"{LOCKED}# more\n")[0]["metadata"] != template["metadata"]


def test_packages_are_installed_without_the_variables_of_the_pool(helm: Helm) -> None:
    values = CHART / "ci" / "pools-values.yaml"
    template = named(helm.render(values=values), "Deployment", "kronstream-worker-packages")["spec"]["template"]
    (installer,) = template["spec"]["initContainers"]
    assert installer["env"] == [{"name": "PIP_INDEX_URL", "value": "http://pypi.internal/simple"}]
    (worker,) = template["spec"]["containers"]
    assert "TOKEN" in {one["name"] for one in worker["env"]}


def test_the_redis_for_trying_is_pinned(helm: Helm) -> None:
    (image,) = [
        container["image"]
        for item in helm.made({"redis": {"embedded": {"enabled": True}}})
        if item["kind"] == "StatefulSet"
        for container in item["spec"]["template"]["spec"]["containers"]
    ]
    assert re.fullmatch(r"docker\.io/valkey/valkey:8\.[0-9.]+-alpine@sha256:[0-9a-f]{64}", image)


def test_routers_know_which_streams_handlers_may_name(helm: Helm) -> None:
    def routers(values: Object) -> Object:
        (found,) = [one for one in helm.made({**HOST, **values}) if one["metadata"]["name"] == "kronstream-operator"
                    and one["kind"] == "Deployment"]  # fmt: skip
        (router,) = [one for one in found["spec"]["template"]["spec"]["containers"] if one["name"] == "router"]
        return {one["name"]: one.get("value") for one in router["env"] if "STREAMS" in one["name"]}

    assert routers({}) == {}
    agents = {"name": "agents", "queues": ["a"], "settings": {"KRONSTREAM_AGENT_STREAM": "stream:own:agents"}}
    replies = {
        "name": "r",
        "queues": ["r"],
        "env": [{"name": "KRONSTREAM_REPLY_STREAM", "value": "stream:own:replies"}],
    }
    values = {"router": {"streams": ["stream:events", "stream:shop:*"]}, "workers": [agents, replies]}
    assert routers(values) == {
        "KRONSTREAM_EVENT_STREAMS": "stream:events,stream:shop:*",
        "KRONSTREAM_CLOSED_STREAMS": "stream:own:agents,stream:own:replies",
    }


def test_a_pool_without_rights_has_no_token(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "pools-values.yaml")
    tokens = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["automountServiceAccountToken"]
        for item in objects
        if item["kind"] == "Deployment"
    }
    assert tokens["kronstream-worker"] is True
    assert tokens["kronstream-worker-mounted"] is False
    assert environ(objects, "kronstream-worker-mounted")["KRONSTREAM_HANDLERS"] == "/handlers"
    assert environ(objects, "kronstream-worker-packages")["PYTHONPATH"] == "/packages"
    own = named(objects, "Deployment", "kronstream-worker-own-image")["spec"]["template"]["spec"]
    assert own["containers"][0]["image"] == "registry.example/team/kronstream:7"
    assert (own["terminationGracePeriodSeconds"], environ(objects, "kronstream-worker")["KRONSTREAM_GRACE"]) == (
        120,
        "110s",
    )


def test_workers_may_do_nothing_in_the_cluster_unless_it_is_said(helm: Helm) -> None:
    values = {**HOST, "workers": [{"name": "default"}, {"name": "batch", "rights": {"jobs": True}}]}
    objects = helm.made(values)
    bound = {
        (subject["name"], item["roleRef"]["name"])
        for item in objects
        if item["kind"].endswith("Binding")
        for subject in item["subjects"]
        if "worker" in subject["name"]
    }
    assert bound == {("kronstream-worker-batch", "kronstream-worker-batch")}
    for name, token in (("kronstream-worker", False), ("kronstream-worker-batch", True)):
        spec = named(objects, "Deployment", name)["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is token


def test_no_component_may_read_secrets(every: list[list[Object]]) -> None:
    for objects in every:
        for item in objects:
            for rule in item.get("rules") or ():
                resources = rule.get("resources", ()) if item["kind"].endswith("Role") else ()
                assert not {"secrets", "*"} & set(resources)
                assert "*" not in rule.get("verbs", ())


def test_crds_are_kept_where_it_is_said(helm: Helm) -> None:
    def policies(*arguments: str) -> list[str | None]:
        crds = [
            item
            for item in helm.render(*arguments, values=CHART / "ci" / "runs-values.yaml")
            if item["kind"] == "CustomResourceDefinition"
        ]
        return [item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for item in crds]

    assert policies() == ["keep", "keep"]
    assert policies("--set", "crds.keep=false") == [None, None]
    assert policies("--set", "crds.install=false") == []


def test_a_digest_goes_before_a_tag(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "placed-values.yaml")
    images = {container["image"] for pod in pods(objects) for container in pod["spec"]["containers"]}
    assert images == {"registry.example/kronstream@sha256:" + "0123456789abcdef" * 4}
    assert {item["metadata"]["name"] for item in objects if item["kind"] == "Deployment"} == {
        *("sched-operator", "sched-worker", "sched-api"),
    }


def test_keda_shows_redis_what_it_wants_to_see(helm: Helm) -> None:
    def shown(redis: dict[str, Any]) -> dict[str, tuple[str, str]] | None:
        values = {"redis": redis, "workers": [{"name": "a", "autoscaling": {"kind": "keda"}}]}
        found = {item["kind"]: item for item in helm.made(values)}
        triggers = found["ScaledObject"]["spec"]["triggers"]
        if "TriggerAuthentication" not in found:
            assert not any("authenticationRef" in trigger for trigger in triggers)
            return None
        login = found["TriggerAuthentication"]
        assert {trigger["authenticationRef"]["name"] for trigger in triggers} == {login["metadata"]["name"]}
        secrets = login["spec"].get("secretTargetRef", ())
        return {one["parameter"]: (one["name"], one["key"]) for one in secrets}

    tls = {"enabled": True, "caSecret": {"name": "redis-ca"}}
    client = {"cert": ("redis-client", "tls.crt"), "key": ("redis-client", "tls.key")}
    assert shown({"host": "redis"}) is None
    assert shown({"host": "redis", "tls": {"enabled": True}}) is None
    assert shown({"host": "redis", "tls": tls}) == {"ca": ("redis-ca", "ca.crt")}
    assert shown({"host": "redis", "tls": {"enabled": True, "clientSecret": "redis-client"}}) == client
    assert shown(
        {"host": "redis", "passwordSecret": {"name": "login"}, "tls": {**tls, "clientSecret": "redis-client"}}
    ) == {
        "password": ("login", "password"),
        "ca": ("redis-ca", "ca.crt"),
        **client,
    }
    assert shown({"embedded": {"enabled": True}}) == {"password": ("kronstream-redis", "password")}


def test_keda_follows_the_sentinels(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "ci" / "kedasentinel-values.yaml").read_text("utf-8"))
    objects = helm.made(values)
    found = {item["kind"]: item["spec"] for item in objects if "spec" in item}

    for trigger in found["ScaledObject"]["triggers"]:
        assert trigger["type"] == "redis-sentinel-streams"
        told = {key: text for key, text in trigger["metadata"].items() if not key.startswith("stream")}
        assert told == {
            "addresses": "sentinel-0.sentinels.data:26379,sentinel-1.sentinels.data:26380,[fd00::3]:26379",
            "sentinelMaster": "kron.main",
            "databaseIndex": "2",
            "enableTLS": "true",
        }
    login = found["TriggerAuthentication"]
    assert {(one["parameter"], one["name"], one["key"]) for one in login["secretTargetRef"]} == {
        ("password", "redis-login", "password"),
        ("sentinelPassword", "sentinel-login", "password"),
        ("ca", "redis-ca", "ca.crt"),
        ("cert", "redis-client", "tls.crt"),
        ("key", "redis-client", "tls.key"),
    }
    told = {one["parameter"]: one["name"] for one in login["env"]}
    assert told == {
        "username": "KRONSTREAM_REDIS_USERNAME",
        "sentinelUsername": "KRONSTREAM_REDIS_SENTINEL_USERNAME",
    }
    assert set(told.values()) <= environ(objects, "kronstream-worker").keys()


def test_keda_may_be_let_to_the_embedded_redis(helm: Helm) -> None:
    whence = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    values = {
        "redis": {"embedded": {"enabled": True}},
        "networkPolicy": {"enabled": True, "redisFrom": [whence]},
        "workers": [{"name": "a", "autoscaling": {"kind": "keda"}}],
    }
    (rule,) = named(helm.made(values), "NetworkPolicy", "kronstream-redis")["spec"]["ingress"]
    assert whence in rule["from"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "redis"}]


def test_every_worker_has_longer_than_its_grace(every: list[list[Object]]) -> None:
    found = 0
    for objects in every:
        for pod in pods(objects):
            for container in pod["spec"]["containers"]:
                environ = {one["name"]: one.get("value") for one in container.get("env", ())}
                if "KRONSTREAM_GRACE" in environ:
                    grace = int(environ["KRONSTREAM_GRACE"].removesuffix("s"))
                    assert pod["spec"]["terminationGracePeriodSeconds"] == grace + 10
                    assert "lifecycle" not in container  # SIGTERM begins the drain; a hook would put it off
                    found += 1
    assert found > len(SETS)


def test_servers_answer_until_their_service_forgot_them(helm: Helm) -> None:
    objects = helm.render(values=CHART / "ci" / "network-values.yaml")
    for name in ("api", "runs", "webhook"):
        spec = named(objects, "Deployment", f"kronstream-{name}")["spec"]["template"]["spec"]
        assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
        assert spec["terminationGracePeriodSeconds"] == 20


def test_audiences_of_tokens_are_told_to_the_api(helm: Helm) -> None:
    objects = helm.render("--set", "redis.host=h,api.audiences={kronstream,https://kubernetes.default.svc}")
    (container,) = named(objects, "Deployment", "kronstream-api")["spec"]["template"]["spec"]["containers"]
    told = {"name": "KRONSTREAM_API_AUDIENCES", "value": "kronstream,https://kubernetes.default.svc"}
    assert told in container["env"]


def test_monitors_and_probes_ask_the_api_at_its_metrics_port(helm: Helm) -> None:
    for more, ports in (({}, ["http", "metrics", "router-http"]), ({"api.enabled": "false"}, ["http", "router-http"])):
        options = {"redis.host": "h", "monitoring.serviceMonitor.enabled": "true", **more}
        told = helm.render("--set", ",".join(f"{name}={value}" for name, value in options.items()))
        (monitor,) = [item for item in told if item["kind"] == "ServiceMonitor"]
        assert [end["port"] for end in monitor["spec"]["endpoints"]] == ports
    objects = helm.render("--set", "redis.host=h,monitoring.podMonitor.enabled=true,api.tls.enabled=true")
    (end,) = named(objects, "PodMonitor", "kronstream-api")["spec"]["podMetricsEndpoints"]
    assert (end["port"], end.get("scheme")) == ("metrics", None)
    (container,) = named(objects, "Deployment", "kronstream-api")["spec"]["template"]["spec"]["containers"]
    (port,) = [one["containerPort"] for one in container["ports"] if one["name"] == "metrics"]
    assert {"name": "KRONSTREAM_API_METRICS_PORT", "value": str(port)} in container["env"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert (container[probe]["httpGet"]["port"], container[probe]["httpGet"]["scheme"]) == ("metrics", "HTTP")
    (timed,) = [
        item
        for item in helm.render(values=CHART / "ci" / "servicemonitor-values.yaml")
        if item["kind"] == "ServiceMonitor"
    ]
    assert {end["scrapeTimeout"] for end in timed["spec"]["endpoints"]} == {"20s"}
    assert not any("scrapeTimeout" in one for one in (*monitor["spec"]["endpoints"], end))
