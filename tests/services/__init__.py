"""Real services for development and tests: Redis, a Redis Cluster and Kafka, from what this machine has."""

from .cluster import RedisCluster
from .errors import NotReady, ServiceError, Unavailable, WrongState
from .kafka import KafkaBroker
from .redis import RedisServer
from .service import Service

__all__ = [
    "KafkaBroker",
    "NotReady",
    "RedisCluster",
    "RedisServer",
    "Service",
    "ServiceError",
    "Unavailable",
    "WrongState",
]
