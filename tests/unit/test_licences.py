"""Dependencies whose licence does not fit are found."""

import runpy
from email import message_from_string
from pathlib import Path

import pytest

MODULE = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "licences.py"))


def test_those_of_the_lock_fit() -> None:
    assert list(MODULE["faults"](MODULE["LOCK"].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("metadata", "licence", "fits"),
    [
        ("License-Expression: Apache-2.0 OR BSD-3-Clause", "Apache-2.0 OR BSD-3-Clause", True),
        ("License-Expression: MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only", True),
        ("License-Expression: MIT AND GPL-3.0-only", "MIT AND GPL-3.0-only", False),
        ("License: Apache 2.0", "Apache-2.0", True),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT", True),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3",
         "GNU Affero General Public License v3", False),
        ("License: Commercial", "Commercial", False),
        ("Name: nothing-said", "", False),
    ],
)  # fmt: skip
def test_a_licence_is_read_and_judged(metadata: str, licence: str, fits: bool) -> None:
    assert MODULE["licence_of"](message_from_string(f"{metadata}\n")) == licence
    assert MODULE["fits"](licence) is fits


def test_a_package_that_is_not_there_is_told_and_one_of_other_platforms_is_not() -> None:
    lock = "no-such-package==1.0 \\\n    --hash=sha256:00\nelsewhere==1 ; sys_platform == 'nowhere'\n"
    assert list(MODULE["faults"](lock)) == ["no-such-package: is not installed; run `make setup`"]
