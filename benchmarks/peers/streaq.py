"""streaq: Redis Streams, results in Redis."""

from __future__ import annotations

from typing import Any

from streaq import TaskStatus, Worker

from benchmarks.peers.program import KEPT, PAYLOAD, URL, main, names


def _worker(concurrency: int = 16) -> tuple[Worker, Any]:
    worker: Worker = Worker(redis_url=URL, concurrency=concurrency, anyio_kwargs={"use_uvloop": True})

    @worker.task(ttl=KEPT, silent=True)
    async def nothing(payload: Any) -> Any:
        """Returns its payload."""
        return payload

    return worker, nothing


async def fill(count: int) -> None:
    worker, nothing = _worker()
    async with worker:
        for portion in names(count):
            tasks = []
            for name in portion:
                task = nothing.enqueue(PAYLOAD)
                task.id = name
                tasks.append(task)
            await worker.enqueue_many(tasks)


def work(setting: str) -> None:
    worker, _ = _worker(int(setting))
    worker.run_sync()


async def check(count: int) -> int:
    worker, _ = _worker()
    async with worker:
        results = await worker.get_tasks_by_status(TaskStatus.DONE, limit=count)
    ids = {name for portion in names(count) for name in portion}
    return len(ids & {found.task_id for found in results if found.success and found.result == PAYLOAD})


if __name__ == "__main__":
    main(fill, work, check)
