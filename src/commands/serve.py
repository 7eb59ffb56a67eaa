"""``serve``: the service itself."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress

import click
import uvicorn
import uvloop

from ..config import Settings
from ..departure import LeavingServer
from ..errors import CommandFailed
from ..http_protocol import BoundedProtocol
from ..main import create_app
from ..observability import configure_logging, switch_debug
from ..processes import ProcessRole, open_service, spare_collections

DRAIN_S = 10


@click.command()
@click.option(
    "--role",
    type=click.Choice([role.value for role in ProcessRole]),
    default="all",
    show_default=True,
    help="Which part of the service runs in this process.",
)
@click.option("--host", default=None, help="Instead of HOST.")
@click.option("--port", default=None, type=click.IntRange(0, 65535), help="Instead of PORT; 0 lets the system choose.")
@click.option("--json", "as_json", is_flag=True, help="Write the log as JSON, as in production.")
@click.option("--while-stdin-is-open", is_flag=True, hidden=True, help="End with the process that holds the other end.")
def command(role: str, host: str | None, port: int | None, *, as_json: bool, while_stdin_is_open: bool) -> None:
    """Run the service until it is told to stop (Ctrl-C, SIGTERM)."""
    given = {"host": host, "port": port}
    settings = Settings.from_environment(**{name: value for name, value in given.items() if value is not None})
    if role == ProcessRole.CONSUMER and settings.kafka_bootstrap_servers is None:
        message = "The role consumer needs Kafka: set KAFKA_BOOTSTRAP_SERVERS. Embedded, one process does everything."
        raise CommandFailed(message)
    if while_stdin_is_open:
        threading.Thread(target=_end_with_stdin, name="parent-watch", daemon=True).start()
    run(settings, ProcessRole(role), as_json=as_json)


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def run(settings: Settings, role: ProcessRole = ProcessRole.ALL, *, as_json: bool) -> None:
    """Serve until told to stop; requests under way get ten seconds to end, after ``SHUTDOWN_DELAY_S``.

    Raises what our errors are where something needed at the start cannot be opened.
    """
    configure_logging(settings.log_level, as_json=as_json or settings.production)
    failures: list[BaseException] = []
    # uvicorn drains, then raises the signal again, which by default would end the process as if killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1 if failures else 0))
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, role, failures, as_json=as_json))


async def _serve(settings: Settings, role: ProcessRole, failures: list[BaseException], *, as_json: bool) -> None:
    followers: list[Callable[[signal.Signals], None]] = []
    opening = open_service(settings, role, as_json=as_json, on_failure=failures.append, followers=followers)
    async with opening as resources:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _switch_debug, settings, followers)
        application = resources.tracing.around(create_app(lambda: nullcontext(resources), role=role))
        configuration = uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=settings.forwarded_allow_ips is not None,
            forwarded_allow_ips=settings.forwarded_allow_ips or "",
            ws="none",
            http=BoundedProtocol,
            limit_concurrency=settings.max_concurrent_requests,
            timeout_graceful_shutdown=DRAIN_S,
        )
        spare_collections()
        # Nobody balances requests between consumers.
        delay_s = 0 if role is ProcessRole.CONSUMER else settings.shutdown_delay_s
        await LeavingServer(
            configuration, resources.departure, delay_s=delay_s, before_draining=resources.live.close
        ).serve()


def _switch_debug(settings: Settings, followers: Sequence[Callable[[signal.Signals], None]]) -> None:
    switch_debug(settings.log_level)
    for follow in followers:
        follow(signal.SIGUSR1)
