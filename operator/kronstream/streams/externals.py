"""Attempts whose work goes on elsewhere, on Redis."""

import json
from dataclasses import asdict
from secrets import token_urlsafe

from redis.asyncio import Redis

from kronstream.domain.retry import delay
from kronstream.domain.run import Reason, State
from kronstream.domain.work import Work
from kronstream.ports import Claim, Completion
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import MESSAGE_LIMIT, clean
from kronstream.streams.scripts import Scripts


class RedisExternals:
    """Externals on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)

    async def attach(self, claim: Claim) -> str | None:
        """See Externals."""
        return str(await self._scripts.run("attach", claim.run, claim.token, token_urlsafe(24))) or None

    async def park(self, claim: Claim, timeout: int) -> bool:
        """See Externals."""
        return bool(await self._scripts.run("park", claim.run, claim.token, timeout))

    async def complete(self, run: str, token: str, completion: Completion) -> bool:
        """See Externals."""
        retry_in = await self._retry_in(run, completion)
        state = State.SUCCESS if completion.reason is None else State.FAILED if retry_in is None else State.RETRYING
        failure = completion.failure
        return bool(
            await self._scripts.run(
                "complete",
                run,
                token,
                state.value,
                completion.reason.value if completion.reason else "",
                "" if retry_in is None else retry_in,
                clean(completion.result or ""),
                clean(json.dumps(asdict(failure), ensure_ascii=False)) if failure else "",
                clean(completion.output),
                clean(failure.message[:MESSAGE_LIMIT]) if failure else "",
            )
        )

    async def progress(self, run: str, token: str, progress: str) -> bool:
        """See Externals."""
        return bool(await self._scripts.run("progress", run, token, clean(progress)))

    async def _retry_in(self, run: str, completion: Completion) -> int | None:
        reason = completion.reason
        if reason is None or reason is Reason.PERMANENT or completion.permanent:
            return None
        found = await self._redis.hmget(self._keys.run(run), "uid", "gen", "att", "st")
        uid, generation, attempt, state = (str(value or "") for value in found)
        text = await self._redis.hget(self._keys.work(uid), generation) if uid else None
        if text is None:
            return None
        retry = Work.load(str(text)).retry
        if not retry.tries_again((*completion.codes, reason.value)):
            return None
        # one that waits to be taken over has its attempt still to be counted
        return delay(retry, int(attempt) + (state == State.QUEUED), run, completion.wait)
