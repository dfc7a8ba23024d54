"""A control plane with operators and workers for a measurement."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil

from kronstream.cluster.api import ClusterApi
from kronstream.dev.components import Component, operators, workers
from kronstream.dev.controlplane import ControlPlane


@asynccontextmanager
async def control_plane(*, aggregation: bool = False) -> AsyncIterator[tuple[ControlPlane, ClusterApi]]:
    """A control plane and an admin's client of it."""
    with ControlPlane(aggregation=aggregation) as plane:
        api = await ClusterApi.connect(connections=128, kubeconfig=str(plane.kubeconfig))
        try:
            yield plane, api
        finally:
            await api.close()


@asynccontextmanager
async def running(components: list[Component]) -> AsyncIterator[list[Component]]:
    """Started and ready components, stopped at the end."""
    try:
        for component in components:
            component.process.start()
        await until(lambda: all(component.ready() for component in components))
        yield components
    finally:
        for component in components:
            component.process.stop()


def two_operators(plane: ControlPlane) -> list[Component]:
    return operators(plane, 2)


def some_workers(plane: ControlPlane, count: int) -> list[Component]:
    return workers(plane, count, None)


async def until(condition: Callable[[], bool], within: float = 120.0) -> None:
    """Poll a condition every 20 ms; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


def memory(component: Component) -> float:
    """Resident bytes of a component's process and its children."""
    assert component.process.pid is not None
    process = psutil.Process(component.process.pid)
    return float(sum(part.memory_info().rss for part in [process, *process.children(recursive=True)]))
