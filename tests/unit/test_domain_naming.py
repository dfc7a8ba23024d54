"""Names in a message."""

import pytest

from kronstream.domain.naming import some


@pytest.mark.parametrize(
    ("names", "said"), [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")]
)
def test_the_first_names_and_how_many_more(names: list[str], said: str) -> None:
    assert some(names, 2) == said
