"""What an answer means, and what is left out of it."""

import pytest

from kronstream.domain.retry import Retry
from kronstream.worker.http.answer import Answer, failure_of, masked, result_of, succeeds

URL = "https://a.com/x?token=abc"


def test_a_hidden_text_is_left_out_however_it_is_written() -> None:
    secret = 'pa"ss\\wö'

    for written in (secret, r"pa\"ss\\w\u00f6"):
        assert masked(f"<{written}>", [secret]) == "<***>"


def test_of_two_hidden_texts_the_longer_goes_first() -> None:
    assert masked("Bearer abcdefgh", ["abcdefgh", "Bearer abcdefgh"]) == "***"


@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [(503, "", "503 Service Unavailable"), (503, "Busy", "503 Busy"), (599, "", "599")],
)
def test_the_line_of_a_status(status: int, reason: str, line: str) -> None:
    assert str(failure_of(Answer(URL, status, reason), Retry(), 0)) == f"{line} from https://a.com/x?token=…"


def test_a_class_is_a_hundred_statuses() -> None:
    assert [status for status in (199, 200, 299, 300, 429) if succeeds(status, ("2xx", "429"))] == [200, 299, 429]


def test_a_result_has_few_headers() -> None:
    headers = {"content-type": "text/plain", "location": "/x", "retry-after": "5"}

    assert result_of(Answer(URL, 200, headers=headers, body="x", size=1)) == {
        "status": 200,
        "headers": {"content-type": "text/plain", "location": "/x"},
        "body": "x",
    }
