"""The services as fixtures: what this machine lacks is skipped with a reason, or fails where it is required."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeVar

import pytest
from redis import Redis

from . import KafkaBroker, RedisCluster, RedisServer, Service, Unavailable
from .deployed import deploy
from .docker import DockerClient, docker
from .image import Image, build
from .kube_metrics import PodMetrics, pod_metrics
from .kubernetes import ControlPlane

_S = TypeVar("_S", bound=Service)


class Running(Protocol):
    """Starts a service for one test."""

    def __call__(self, service: _S, /) -> _S: ...


@contextmanager
def available() -> Iterator[None]:
    """Skip the test for which something is not on this machine, or fail it when REQUIRE_SERVICES is 1."""
    try:
        yield
    except Unavailable as reason:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            message = f"REQUIRE_SERVICES is set, and {reason}"
            raise pytest.fail.Exception(message, pytrace=False) from None
        raise pytest.skip.Exception(str(reason)) from None


@contextmanager
def opened(service: _S) -> Iterator[_S]:
    with ExitStack() as stack:
        with available():
            stack.enter_context(service)
        yield service


@pytest.fixture
def running() -> Iterator[Running]:
    """Start services of the test's own making, which it may kill: ``server = running(RedisServer(password="p"))``."""
    with ExitStack() as stack:

        def start(service: _S, /) -> _S:
            return stack.enter_context(opened(service))

        yield start


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all tests."""
    with opened(RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Return the address of an empty Redis, that runs whatever the last test did to it."""
    _revive(redis_server)
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """One cluster of three masters for all tests."""
    with opened(RedisCluster(tmp_path_factory.mktemp("cluster"))) as cluster:
        yield cluster


@pytest.fixture
def redis_cluster_url(redis_cluster: RedisCluster) -> str:
    """Return the address of an empty Redis Cluster, that runs whatever the last test did to it."""
    _revive(redis_cluster)
    for node in redis_cluster.nodes:
        with Redis.from_url(node.url) as client:
            client.flushall()
    return redis_cluster.url


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One Kafka for all tests."""
    with opened(KafkaBroker(tmp_path_factory.mktemp("kafka"))) as broker:
        yield broker


@pytest.fixture
def kafka_bootstrap(kafka: KafkaBroker) -> str:
    """Return the address of a Kafka without topics or groups, that runs whatever the last test did to it."""
    _revive(kafka)
    kafka.clear()
    return kafka.bootstrap


@pytest.fixture(scope="session")
def docker_client() -> Iterator[DockerClient]:
    """One docker daemon for all tests."""
    with ExitStack() as stack:
        with available():
            client = stack.enter_context(docker())
        yield client


@pytest.fixture(scope="session")
def image(docker_client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image of the service, built from a clean checkout with the line of the operations guide."""
    return build(docker_client, tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One Kubernetes control plane for all tests, with nodes on which every pod counts as running."""
    with ExitStack() as stack:
        with available():
            one = stack.enter_context(ControlPlane(tmp_path_factory.mktemp("kubernetes")))
        yield one


@pytest.fixture(scope="session")
def pod_figures(control_plane: ControlPlane) -> Iterator[PodMetrics]:
    """Figures of its pods, of the tests' own invention."""
    with pod_metrics(control_plane) as figures:
        yield figures


@pytest.fixture(scope="session")
def deployed(control_plane: ControlPlane, pod_figures: PodMetrics) -> ControlPlane:
    """The control plane with the overlay ``dev`` rolled out."""
    del pod_figures  # which let the autoscaler see something
    deploy(control_plane)
    return control_plane


def _revive(service: Service) -> None:
    if service.running:
        service.thaw()
    else:
        service.start()
