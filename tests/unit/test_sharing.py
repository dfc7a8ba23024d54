"""Which tests one process has to itself, so that an installation is started once."""

from pathlib import Path

import pytest

from integration.keeping import together

FILES = {
    "def test_a(routed: Installation) -> None:\n": "routed",
    "def test_a(site: Site) -> None:\n": "site",
    "def test_a(\n    name: str, routed: Installation\n) -> None:\n": "routed",
    "@pytest.fixture\ndef own(doored_installation: Installation) -> Own:\n": "doored",
    "def test_a(installation: Installation) -> None:\n\ndef test_b(sturdy: Installation) -> None:\n": "sturdy",
}
OWN = ("def listen(installation: Installation) -> None:\n", "def test_a(plane: ControlPlane) -> None:\n", "")


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_one.py").write_text(text)
    return folder / "test_one.py"


@pytest.mark.parametrize("text", FILES)
def test_files_of_one_installation_stay_together(text: str, tmp_path: Path) -> None:
    assert together(written(tmp_path / "integration", text)) == FILES[text]


@pytest.mark.parametrize("folder", ["integration", "integration/chaos", "unit"])
@pytest.mark.parametrize("text", OWN)
def test_every_other_file_is_shared_out_by_itself(text: str, folder: str, tmp_path: Path) -> None:
    file = written(tmp_path / folder, text)
    assert together(file) == str(file)


def test_trials_of_the_same_site_stay_together(tmp_path: Path) -> None:
    text = "def test_a(trial: Trial) -> None:\n"
    assert together(written(tmp_path / "integration" / "chaos", text)) == "site"
    elsewhere = written(tmp_path / "integration", text)
    assert together(elsewhere) == str(elsewhere)
