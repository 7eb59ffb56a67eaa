"""``serve``: the service itself."""

import signal
import sys

import click
import uvicorn

from ..config import Settings
from ..errors import CommandFailed
from ..main import create_app
from ..observability import configure_logging
from ..resources import open_resources

DRAIN_S = 10
MAX_CONCURRENT = 512


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", "api", "consumer"]),
    default="all",
    show_default=True,
    help="Which part of the service runs in this process.",
)
@click.option("--host", default=None, help="Instead of HOST.")
@click.option("--port", default=None, type=click.IntRange(0, 65535), help="Instead of PORT; 0 lets the system choose.")
@click.option("--json", "as_json", is_flag=True, help="Write the log as JSON, as in production.")
def command(role: str, host: str | None, port: int | None, *, as_json: bool) -> None:
    """Run the service until it is told to stop (Ctrl-C, SIGTERM)."""
    given = {"host": host, "port": port}
    settings = Settings.from_environment(**{name: value for name, value in given.items() if value is not None})
    if role == "consumer":
        message = (
            "The role consumer needs Kafka, and the service runs embedded: it takes events over HTTP and from files."
        )
        raise CommandFailed(message)
    run(settings, as_json=as_json)


def run(settings: Settings, *, as_json: bool) -> None:
    """Serve until told to stop; requests under way get ten seconds to end."""
    # uvicorn drains, then raises the signal again, which by default would end the process as if killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure_logging(settings.log_level, as_json=as_json or settings.production)
    uvicorn.run(
        create_app(lambda: open_resources(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MAX_CONCURRENT,
        timeout_graceful_shutdown=DRAIN_S,
    )
