"""A rolling upgrade and its rollback under load."""

import os

from e2e.load import Load
from e2e.release import NAME, Release, image_values, marked


def test_an_upgrade_and_a_rollback_lose_and_double_nothing(release: Release, load_of: Load) -> None:
    """To E2E_NEXT_IMAGE, where it is given; else every Pod is replaced all the same."""
    before = names(release)
    image = os.environ.get("E2E_NEXT_IMAGE")
    release.upgrade(**marked("second"), **({"image": image_values(image)} if image else {}))
    upgraded = names(release)
    assert not before & upgraded
    load_of.run_on(5)

    release.rollback()
    assert not names(release) & upgraded
    load_of.run_on(5)
    load_of.stop()
    assert load_of.faults() == []
    assert f"{NAME}" in release.helm("list", "--deployed")


def names(release: Release) -> set[str]:
    """Of the Pods of all components but Redis."""
    return {
        pod["metadata"]["name"]
        for component in ("operator", "worker", "api", "runs-apiserver", "webhook")
        for pod in release.cluster.pods(component)
    }
