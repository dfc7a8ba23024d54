"""Small GET requests to the parts of the control plane, with a client certificate."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from kronstream.dev.pki import KeyPair


class Https:
    """A server on loopback that is asked with a client certificate; every request has its own connection."""

    def __init__(self, port: int, authority: Path, pair: KeyPair) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(pair.certificate, pair.key)

    def get(self, path: str, limit: float = 2.0) -> tuple[int, bytes]:
        """Status and body; status 0 and the reason when there was no answer within `limit` seconds."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=limit, context=self._context)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error).encode()
        finally:
            connection.close()

    def ok(self, path: str) -> bool:
        """Whether the answer is 200."""
        return self.get(path)[0] == 200

    def json(self, path: str) -> dict[str, Any] | None:
        """The object answered, or None when there was no answer or another status than 200."""
        status, body = self.get(path)
        if status != 200:
            return None
        content = json.loads(body)
        return content if isinstance(content, dict) else None
