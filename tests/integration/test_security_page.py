"""docs/security.md: rights, Pods, policies and webhook are as the chart makes them; each threat is tried by tests."""

import re
from collections.abc import Iterator

import pytest

from integration.charting import CHART, Helm, Object, pods
from kronstream.api.app import routed
from kronstream.api.gate import BASE, CALLBACK
from kronstream.domain import address
from kronstream.setting import read_settings
from kronstream.settings import RedisSettings, TypeSettings
from kronstream.worker.http import secrets
from unit import docpage
from unit.docpage import ROOT, Table

PAGE = ROOT / "docs" / "security.md"
TEXT = " ".join(PAGE.read_text("utf-8").split())
PARTS = {
    "operator and router": "operator",
    "worker": "worker",
    "HTTP API": "api",
    "extension API server": "runs",
    "hook of `helm uninstall`": "withdraw",
}
PLACES = {"served": "team-a", "own": "sched", "cluster": "", "`kube-system`": "kube-system"}
ALL = ("redis.embedded.enabled=true", "runs.enabled=true", "webhook.enabled=true", "networkPolicy.enabled=true",
       "namespaces={team-a}", "workers[0].name=default", "workers[0].rights.impersonate={*}",
       "workers[0].rights.jobs=true")  # fmt: skip
PACKAGES = ("redis.host=redis", "workers[0].name=default", "workers[0].handlers.packages={acme-jobs==1.4.2}")
LOCKED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
# account, verb, resource with its group, its name, namespace
Right = tuple[str, str, str, str, str]
# what shows that a threat's answer holds, by how its row begins
THREATS: dict[str, list[str]] = {
    "A payload names code": ["integration/test_worker_process.py::test_a_function_nobody_offers"],
    "A job reads a Secret": [
        "integration/test_http_handler.py::test_a_secret_is_read_by_the_rights_of_the_jobs_service_account",
        "integration/test_workflow_resources.py::test_a_service_account_without_the_right",
        "integration/test_chart_rbac.py::test_a_worker_can_be_no_other_account",
    ],
    "A job names the queue": [
        "unit/test_worker_confinement.py::test_a_run_of_another_namespace_fails_for_good_and_the_message_says_what_to_write",
        "integration/test_worker_queues.py::test_a_confined_worker_executes_no_run_of_another_namespace_that_names_its_queue",
    ],
    "An EventHandler reads": [
        "unit/test_events_reading.py::test_of_a_stream_that_handlers_must_not_name_nothing_is_asked",
        "integration/test_eventhandler_admission.py::test_it_says_the_field_and_what_to_write_as_the_operator_would",
        "unit/test_events_judging.py::test_of_an_entry_that_is_no_event_the_letter_has_no_values_and_not_every_name",
    ],
    "A job calls an address": [
        "unit/test_http_gate.py::test_a_private_address_is_refused_in_every_spelling",
        "unit/test_http_gate.py::test_a_name_that_leads_elsewhere_the_second_time_is_refused_then",
        "unit/test_http_gate.py::test_the_target_of_a_redirect_is_judged_again",
        "unit/test_settings.py::test_what_requests_of_jobs_may_reach",
    ],
    "An expression or": [
        "unit/test_domain_filter.py::test_what_is_no_filter_is_told_when_it_is_read",
        "unit/test_domain_filter.py::test_a_million_rounds_are_not_to_be_had",
    ],
    "Huge or deep": [
        "unit/test_worker_parameters.py::test_deep_payloads_are_refused_not_fatal",
        "integration/test_api_hostile.py::test_payloads",
        "integration/test_events_hostile.py::",
    ],
    "A storm of": [
        "integration/test_events_storm.py::test_a_storm_is_worked_off_in_bounded_memory_and_nothing_due_waits_for_it",
        "unit/test_api_limits.py::test_who_asks_more_is_asked_for_with_more",
    ],
    "A handler takes": [
        "unit/test_worker_isolation.py::test_more_memory_than_the_limit_fails_the_attempt_and_nobody_else",
        "integration/test_misbehaving_handlers.py::",
    ],
    "Somebody ends": [
        "contract/test_externals.py::test_another_token_completes_nothing",
        "integration/test_http_handler.py::test_work_that_goes_on_is_ended_by_its_token",
    ],
    "A stale or": [
        "contract/test_life_of_a_run.py::test_dispatch_is_fenced_by_the_cursor",
        "contract/test_life_of_a_run.py::test_dispatch_is_fenced_by_generation_and_revision",
        "contract/test_life_of_a_run.py::test_finish_is_safe_to_repeat_and_fenced_by_the_token",
        "integration/test_frozen.py::test_a_thawed_operator_dispatches_nothing_stale",
    ],
    "Two clusters": ["integration/test_start.py::test_data_of_another_cluster_is_left_alone"],
    "Secrets leak": [
        "unit/test_http_sent.py::test_a_header_comes_from_a_secret_and_is_written_nowhere",
        "unit/test_http_sent.py::test_a_failure_repeats_no_secret",
        "unit/test_logs.py::test_passwords_of_urls_are_masked_also_in_tracebacks",
        "unit/test_settings.py::test_a_password_is_in_no_message_and_no_repr",
    ],
    "The webhook is": [
        "integration/test_admission.py::test_while_it_is_away_apply_still_works_unless_the_policy_is_fail"
    ],
    "Anybody reaches": [
        "unit/test_admission.py::test_bodies_that_do_not_come_keep_others_out_only_for_a_time",
        "unit/test_metrics.py::test_idle_connections_keep_no_probe_out",
    ],
    "A dependency": [
        "unit/test_licences.py::test_a_licence_is_read_and_judged",
        "unit/test_image_files.py::test_packages_are_what_the_locks_say",
        "integration/test_chart_values.py::test_the_redis_for_trying_is_pinned",
        "integration/test_chart_values.py::test_the_installer_has_no_variable_of_the_pool_and_installs_what_is_locked",
    ],
}  # fmt: skip


def table(first: str) -> Table:
    (found,) = [one for one in docpage.tables(PAGE) if one.columns[0] == first]
    return found


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", table("threat").rows, ids=lambda row: row[0][:30])
def test_a_threat_is_tried(row: tuple[str, ...]) -> None:
    (names,) = [tests for begin, tests in THREATS.items() if row[0].startswith(begin)]
    told = [f"tests/{name.partition('::')[0]}" for name in names]
    assert code(row[2]) == list(dict.fromkeys(told))
    for name in names:
        file, _, test = name.partition("::")
        assert re.search(
            rf"^(async )?def {test or 'test_'}", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE
        ), name


@pytest.fixture(scope="module")
def everything(helm: Helm) -> list[Object]:
    """The chart with all that it has, for one namespace."""
    return helm.render(*(word for value in ALL for word in ("--set", value)))


def granted(objects: list[Object]) -> Iterator[Right]:
    """Every right that an account has, but by roles of the cluster itself."""
    roles = {(one["metadata"].get("namespace", ""), one["metadata"]["name"]): one["rules"]
             for one in objects if one["kind"] in ("Role", "ClusterRole")}  # fmt: skip
    for one in objects:
        if not one["kind"].endswith("RoleBinding"):
            continue
        place, role = one["metadata"].get("namespace", ""), one["roleRef"]
        rules = roles.get((place if role["kind"] == "Role" else "", role["name"]), ())
        for rule in rules:
            for verb, resource, group, name in each(rule):
                full = f"{resource}.{group}" if group else resource
                for subject in one["subjects"]:
                    # that of a name among the served namespaces is told with them
                    yield (subject["name"], verb, full, "" if name == place else name, place)


def each(rule: Object) -> Iterator[tuple[str, str, str, str]]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", [""]):
                    yield verb, resource, group, name


def told() -> Iterator[Right]:
    part = ""
    for cell, verbs, resources, places in table("part").rows:
        part = PARTS[cell] if cell else part
        names = re.findall(r": `([^`]+)`", resources)
        for resource in code(resources):
            for verb in code(verbs) if resource not in names else ():
                for place in places.split(", "):
                    yield (f"kronstream-{part}", verb, resource, names[0] if names else "", PLACES[place])


def test_rights_are_those_of_the_chart(everything: list[Object]) -> None:
    assert sorted(told()) == sorted(granted(everything))


def test_who_has_no_rights_has_no_token(everything: list[Object]) -> None:
    bound = {s["name"] for one in everything if one["kind"].endswith("RoleBinding") for s in one["subjects"]}
    tokens = {
        one["spec"]["serviceAccountName"]: one["spec"]["automountServiceAccountToken"] for one in pods(everything)
    }
    # the Pod of `helm test` asks what every account may know
    assert {name for name, token in tokens.items() if token} == bound | {"default"}
    assert {name.removeprefix("kronstream-") for name, token in tokens.items() if not token} == {
        *("webhook", "redis"),
    }
    (reader,) = [one for one in everything if one.get("roleRef", {}).get("name", "").startswith("extension-apiserver")]
    assert (reader["metadata"]["namespace"], reader["subjects"][0]["name"]) == ("kube-system", "kronstream-runs")


def test_as_it_comes_no_worker_impersonates(helm: Helm) -> None:
    assert "As the chart comes no worker may" in TEXT
    assert "impersonate" not in {right[1] for right in granted(helm.render("--set", "redis.host=redis"))}


def test_nobody_sees_secrets_and_pods_are_locked(everything: list[Object], helm: Helm) -> None:
    """All value sets are tried by test_chart_values.py and, by the API server, test_chart_matrix.py."""
    packages = helm.render(*(f"--set={value}" for value in PACKAGES))
    for item in [*everything, *packages]:
        for rule in item.get("rules") or () if item["kind"].endswith("Role") else ():
            assert not {"secrets", "*"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
    containers = 0
    for pod in pods([*everything, *packages]):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*spec["containers"], *spec.get("initContainers", ())]:
            assert container["securityContext"] == LOCKED
            containers += 1
    assert containers > 10


def test_policies_deny_what_is_not_named(everything: list[Object]) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in everything if one["kind"] == "NetworkPolicy"}
    deny = policies.pop("kronstream-default-deny")
    assert deny.keys() == {"podSelector", "policyTypes"}
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    (rule,) = policies["kronstream-redis"]["ingress"]
    heard = {one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in rule["from"]}
    assert heard == {"operator", "worker", "api", "runs-apiserver", "test"}
    assert all(one.keys() == {"podSelector"} for one in rule["from"]), "of this namespace"
    assert {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in pods(everything)} - {"withdraw"} == {
        spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for spec in policies.values()
    }


def test_the_webhook_sees_two_kinds_and_fails_open(everything: list[Object]) -> None:
    (found,) = [one for one in everything if one["kind"] == "ValidatingWebhookConfiguration"]
    (hook,) = found["webhooks"]
    (rule,) = hook["rules"]
    assert (hook["failurePolicy"], hook["sideEffects"]) == ("Ignore", "None")
    assert (rule["apiGroups"], set(rule["resources"])) == (["kronstream.dev"], {"scheduledjobs", "eventhandlers"})


def test_what_needs_no_token_is_told_whole() -> None:
    told = {path for row in table("path").rows for path in code(row[0])}
    served = {getattr(route, "path", "") for route in routed().routes}
    (callback,) = {path for path in told if path.startswith(BASE)}
    assert told - {callback} == {path for path in served if not path.startswith(BASE)}
    assert callback in served
    assert CALLBACK.fullmatch(callback.replace("{execution_id}", "x"))


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ("api.service.type=LoadBalancer", "a LoadBalancer without TLS"),
        ("api.service.type=NodePort", "a NodePort without TLS"),
        ("api.service.type=LoadBalancer,api.tls.enabled=true", ""),
        ("api.service.type=LoadBalancer,api.enabled=false", ""),
        ("api.tls.enabled=false", ""),
    ],
)
def test_the_notes_of_a_release_warn_of_tokens_in_clear_text(helm: Helm, values: str, warned: str) -> None:
    options = ("--dry-run=client", "--set", f"redis.host=redis,crds.install=false,{values}")
    notes = helm("install", "kronstream", str(CHART), *options).partition("\nNOTES:\n")[2]
    assert "is installed as kronstream" in notes
    assert ("tokens of callers travel in clear text" in notes) == bool(warned)
    assert warned in notes
    if warned:
        assert "api.tls.enabled=true" in notes


def test_settings_and_figures_are_the_programs() -> None:
    assert "keeps it for ten seconds" in TEXT
    assert secrets.KEEP == 10
    assert read_settings(TypeSettings, {}).http_allow == ()
    assert f"(`{address.SETTING}`)" in TEXT
    given = {"KRONSTREAM_REDIS_URL": "redis://redis:6379/0", "KRONSTREAM_REDIS_PASSWORD": "correct-horse"}
    settings = read_settings(RedisSettings, given)
    assert "correct-horse" in settings.url
    assert "correct-horse" not in repr(settings)
