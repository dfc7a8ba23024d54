"""The signature of a request, as Standard Webhooks say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key in a secret: what follows `whsec_` as base64, else the bytes of the text. Raises ValueError."""
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"begins with {PREFIX}, and what follows is not base64") from None
    if not key:
        raise ValueError("is empty")
    return key


def signed(secret: str, identity: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers of a message with this identity, sent at `seconds` since 1970. Raises ValueError."""
    content = f"{identity}.{seconds}.".encode() + body
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
