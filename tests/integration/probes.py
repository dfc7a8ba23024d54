"""What a component answers to the kubelet's probes."""

import urllib.error
import urllib.request

from kronstream.dev.components import Component


def probe(part: Component, path: str = "/readyz", within: float = 5.0) -> tuple[int, str]:
    """The code and the line; (0, '') where nobody answers within some seconds."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{part.port}{path}", timeout=within) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""


def readiness(part: Component) -> str:
    """`200 …` or `503 …` with the line, '' where nobody answers."""
    code, line = probe(part)
    return f"{code} {line}" if code else ""
