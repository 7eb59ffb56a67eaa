"""Real services for development and tests, from what this machine has."""

from .cluster import RedisCluster
from .dapr import DaprSidecar
from .errors import NotReady, ServiceError, Unavailable, WrongState
from .kafka import KafkaBroker
from .prometheus import Prometheus
from .redis import RedisServer
from .service import Service

__all__ = [
    "DaprSidecar",
    "KafkaBroker",
    "NotReady",
    "Prometheus",
    "RedisCluster",
    "RedisServer",
    "Service",
    "ServiceError",
    "Unavailable",
    "WrongState",
]
