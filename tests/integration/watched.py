"""A primary and a replica of Redis with Sentinels that watch them, as processes on loopback."""

import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from eventually import eventually
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis

NAME = "kron.main"
PASSWORD = "of/redis"
SENTINELS_PASSWORD = "of sentinels"
DOWN_AFTER = 5_000  # ms until a Sentinel takes what is silent for dead


class Watched:
    """Two servers and some Sentinels; a context manager. Redis and the Sentinels have a password each."""

    def __init__(self, folder: Path, sentinels: int = 3) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._program = str(find_redis(os.environ))
        ports = free_ports(2 + sentinels)
        self._servers = {port: self._server(folder, port, ports[0]) for port in ports[:2]}
        self._ports = ports[2:]
        self._sentinels = [self._sentinel(folder, port, ports[0]) for port in self._ports]
        self.url = self.of(quote(SENTINELS_PASSWORD))

    def of(self, password: str, name: str = NAME) -> str:
        """The address with this password of the Sentinels, and this name of the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://:{quote(PASSWORD, safe='')}@{hosts}/{name}/0?sentinel_password={password}"

    def __enter__(self) -> Self:
        for process in (*self._servers.values(), *self._sentinels):
            process.start()
        try:
            eventually(self._settled, within=40)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def primary(self) -> int:
        """The port of the primary, as the Sentinels say."""
        with self._asked(self._ports[0]) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(NAME)[1])

    def server(self, port: int) -> Redis:
        """A client of a server."""
        return Redis(port=port, password=PASSWORD, decode_responses=True, socket_timeout=2)

    def kill(self, port: int) -> None:
        """A server dies once its replica has all that it has."""
        with self.server(port) as primary:
            primary.set("waited", 1)
            assert primary.wait(1, 5_000) == 1
            self._servers[port].stop(signal.SIGKILL)

    def start(self, port: int) -> None:
        """It comes back, as what the Sentinels make of it."""
        self._servers[port].start()

    def fail_over(self) -> int:
        """The Sentinels swap primary and replica, both alive; answers the port of the new primary."""
        before = self.primary
        with self._asked(self._ports[0]) as sentinel:
            eventually(lambda: sentinel.execute_command("SENTINEL FAILOVER", NAME), within=20)
        return eventually(lambda: self.primary if self.primary != before else 0, within=30)

    def role(self, port: int) -> str:
        """What a server is, '' while it is away."""
        try:
            with self.server(port) as server:
                return str(server.role()[0])
        except RedisError:
            return ""

    def _asked(self, port: int) -> Redis:
        return Redis(port=port, password=SENTINELS_PASSWORD, decode_responses=True, socket_timeout=2)

    def _settled(self) -> bool:
        """Whether every Sentinel knows the replica and the other Sentinels."""
        others = len(self._ports) - 1
        for port in self._ports:
            try:
                with self._asked(port) as sentinel:
                    known = sentinel.sentinel_masters()[NAME]
                    up = [one for one in sentinel.sentinel_slaves(NAME) if one["master-link-status"] == "ok"]
            except (RedisError, OSError, KeyError):
                return False
            if known["num-other-sentinels"] != others or not up:
                return False
        return True

    def _server(self, folder: Path, port: int, first: int) -> Process:
        home = folder / f"server-{port}"
        home.mkdir()
        config = home / "redis.conf"
        config.write_text(
            f'port {port}\nbind 127.0.0.1\ndir {home}\nappendonly yes\nsave ""\n'
            f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\nrepl-diskless-sync-delay 0\n"
            + (f"replicaof 127.0.0.1 {first}\n" if port != first else "")
        )
        return Process(f"redis-{port}", [self._program, str(config)], home / "log")

    def _sentinel(self, folder: Path, port: int, first: int) -> Process:
        home = folder / f"sentinel-{port}"
        home.mkdir()
        config = home / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {home}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {first} {len(self._ports) // 2 + 1}\n"
            f"sentinel auth-pass {NAME} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n"
            f"sentinel failover-timeout {NAME} 10000\n"
            f'requirepass "{SENTINELS_PASSWORD}"\nsentinel sentinel-pass "{SENTINELS_PASSWORD}"\n'
        )
        return Process(f"sentinel-{port}", [self._program, str(config), "--sentinel"], home / "log")

    def _end(self) -> None:
        for process in (*self._sentinels, *self._servers.values()):
            process.stop(signal.SIGKILL)
