"""The stores under test, each behind one harness."""

from contract.harness import EPOCH, GROUP, LEASE, Store
from contract.modelstore import ModelStore
from contract.redisstore import RedisStore

__all__ = ["EPOCH", "GROUP", "LEASE", "ModelStore", "RedisStore", "Store"]
