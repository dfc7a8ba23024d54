"""What follows an answer that leads elsewhere."""

from __future__ import annotations

from kronstream.domain import target
from kronstream.resources.http import Http
from kronstream.worker.http.answer import Answer
from kronstream.worker.http.message import Message

MAX_REDIRECTS = 5


def onward(http: Http, message: Message, answer: Answer, followed: int) -> Message | str:
    """The request that follows an answer, or why there is none: empty for an answer that leads nowhere.

    `followed` are the redirects before it. None leads to another host, so what is secret may go with it.
    """
    if answer.redirect is None:
        return ""
    if http.follow_redirects == "Never":
        return "followRedirects is Never; write the address it leads to, or followRedirects: SameHost"
    try:
        led = target.redirected(message.url, answer.redirect)
    except ValueError as fault:
        return f"{fault}; write the address it leads to"
    if followed == MAX_REDIRECTS:
        return f"{MAX_REDIRECTS} have been followed already"
    return message.to(led, target.following(answer.status, message.method))
