"""The executions of a deleted job are listed by its UID, to who may list them."""

from collections.abc import AsyncIterator

import pytest

from kronstream.api.rights import Act
from unit.apibench import ApiBench, judged

pytestmark = pytest.mark.anyio

ANNA = {"Authorization": "Bearer t"}


@pytest.fixture
async def guarded() -> AsyncIterator[ApiBench]:
    made = ApiBench(guarded=True)
    yield made
    await made.close()


async def test_the_history_of_a_deleted_job_is_told_by_its_uid(guarded: ApiBench) -> None:
    guarded.reviews.grant("t", "anna", Act.CREATE_JOB.of("default"))
    body = {"name": "Daily Cleanup", "schedule": "0 2 * * *", "handler_name": "echo"}
    made = (await guarded.call("POST", "/jobs/cron", headers=ANNA, json=body)).json()
    uid, name = made["id"], made["resource_name"]
    acts = (Act.RUN, Act.DELETE_JOB, Act.LIST_RUNS)
    guarded.reviews.grant("t", "anna", *(act.of("default", name) for act in acts))
    run = (await guarded.call("POST", f"/jobs/{uid}/run", headers=ANNA)).json()["execution_id"]
    assert (await guarded.call("DELETE", f"/jobs/{uid}", headers=ANNA)).status_code == 204
    await guarded.stage.ledger.forget([uid])

    answer = await guarded.call("GET", f"/jobs/{uid}/executions", headers=ANNA)
    (told,) = answer.json()
    assert (answer.status_code, answer.headers["X-Total-Count"]) == (200, "1")
    assert (told["id"], told["status"], told["reason"], told["job_name"]) == (run, "cancelled", "deleted", name)
    for path in (f"/jobs/default:{name}/executions", f"/jobs/{uid}"):
        judged(await guarded.call("GET", path, headers=ANNA), 404)

    guarded.reviews.grant("u", "bert")
    found = await guarded.call("GET", f"/jobs/{uid}/executions", headers={"Authorization": "Bearer u"})
    assert judged(found, 403)["detail"].startswith("bert lacks the right: list scheduledjobs/executions.kronstream.dev")
    await guarded.stage.ledger.purge("default")
    judged(await guarded.call("GET", f"/jobs/{uid}/executions", headers=ANNA), 404)
