"""Which tests one process has to itself, so that an installation is started once."""

from pathlib import Path

import pytest

from integration.keeping import together

FILES = {
    "def test_a(routed: Installation) -> None:\n": "routed",
    "def test_a(\n    name: str, routed: Installation\n) -> None:\n": "routed",
    "@pytest.fixture\ndef own(doored_installation: Installation) -> Own:\n": "doored",
    "def test_a(installation: Installation) -> None:\n\ndef test_b(sturdy: Installation) -> None:\n": "sturdy",
}
OWN = ("def listen(installation: Installation) -> None:\n", "def test_a(site: Site) -> None:\n", "")


@pytest.mark.parametrize("text", FILES)
def test_files_of_one_installation_stay_together(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "integration"
    folder.mkdir()
    (folder / "test_one.py").write_text(text)
    assert together(folder / "test_one.py") == FILES[text]


@pytest.mark.parametrize("text", OWN)
def test_every_other_file_is_shared_out_by_itself(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "integration"
    folder.mkdir()
    (folder / "test_one.py").write_text(text)
    assert together(folder / "test_one.py") == str(folder / "test_one.py")
    assert together(folder / "chaos" / "test_two.py") == str(folder / "chaos" / "test_two.py")
