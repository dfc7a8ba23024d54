"""Signatures as Standard Webhooks say."""

import base64
import hashlib
import hmac

import pytest

from kronstream.worker.http.signature import key_of, signed


def test_the_example_of_the_specification() -> None:
    """The vector that the published libraries test themselves with."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_text_is_a_key_by_its_bytes() -> None:
    wanted = hmac.new("schlüssel".encode(), b"u-s1.5." + b"{}", hashlib.sha256).digest()

    assert signed("schlüssel", "u-s1", 5, b"{}")["webhook-signature"] == f"v1,{base64.b64encode(wanted).decode()}"


@pytest.mark.parametrize("secret", ["whsec_not base64", "whsec_", ""])
def test_what_is_no_key_is_told_without_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"is empty|is not base64") as caught:
        key_of(secret)

    assert not secret or secret not in str(caught.value).replace("begins with whsec_", "")
