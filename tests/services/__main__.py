"""The command line: ``python -m tests.services up``, ``status`` and ``down``."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from . import compose
from .cluster import RedisCluster
from .errors import ServiceError
from .kafka import KafkaBroker
from .record import Record, Records, default_directory
from .redis import RedisServer
from .warm import warm_kafka

_Command = TypeVar("_Command", bound=Callable[..., None])
_SERVICES: Mapping[str, type[RedisServer | RedisCluster | KafkaBroker]] = {
    "redis": RedisServer,
    "cluster": RedisCluster,
    "kafka": KafkaBroker,
}
_CALLED = {"redis": "Redis", "cluster": "the Redis Cluster", "kafka": "Kafka"}
_BY_DEFAULT = ["redis", "kafka"]
_LAST_PORT = 65535

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
directory_option = click.option(
    "--state-dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_directory,
    show_default="the user's directory for state",
    help="Where data is kept, and what runs.",
)


def service_options(verb: str) -> Callable[[_Command], _Command]:
    """Let a command be told which services are meant."""

    def add(command: _Command) -> _Command:
        for name in reversed(list(_SERVICES)):
            command = click.option(f"--{name}", is_flag=True, help=f"{verb} {_CALLED[name]}.")(command)
        return command

    return add


def port_options(command: _Command) -> _Command:
    """Let a command be told ports, 0 for any that is free."""
    for name in reversed(list(_SERVICES)):
        which = "the first of three ports in a row" if name == "cluster" else "this port"
        option = click.option(
            f"--port-{name}",
            type=click.IntRange(0, _LAST_PORT),
            default=0,
            metavar="PORT",
            help=f"Give {_CALLED[name]} {which}, else a free one.",
        )
        command = option(command)
    return command


class Commands(click.Group):
    """Tells our errors as a message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Real Redis and Kafka on 127.0.0.1, for development.

    They come from the programs on this machine (scripts/install-services gets them), or with --docker from
    compose.yaml.
    """


@main.command()
@service_options("Start")
@port_options
@click.option("--docker", is_flag=True, help="Take them from compose.yaml, with docker.")
@directory_option
@json_option
def up(directory: Path, *, docker: bool, as_json: bool, **chosen: Any) -> None:
    """Start services in the background; without a name, Redis and Kafka.

    What runs already stays as it is. Prints the variables to set, one a line:

    export $(python -m tests.services up)
    """
    names = _named(chosen) or _BY_DEFAULT
    if {"redis", "cluster"} <= set(names):
        message = "REDIS_URL is either a Redis or a cluster: name one of them"
        raise click.UsageError(message)
    ports = {name: chosen[f"port_{name}"] for name in names}
    records = Records(directory)
    with records.locked():
        _forget_the_dead(records)
        there = {record.name for record in records.all()}
        missing = {name: port for name, port in ports.items() if name not in there}
        start = _start_with_docker if docker else _start
        start(records, missing)
        _show([record for record in records.all() if record.name in names], records, as_json=as_json, told=missing)


@main.command()
@directory_option
@json_option
def status(directory: Path, *, as_json: bool) -> None:
    """Tell what runs.

    The exit code is 1 when something that was started does not run any more, and when nothing was started.
    """
    records = Records(directory)
    with records.locked():
        found = records.all()
        if as_json:
            _print_json(found, records)
        else:
            _print_states(found, records)
        if not found or not all(record.running for record in found):
            raise click.exceptions.Exit(1)


@main.command()
@service_options("Stop")
@directory_option
@json_option
def down(directory: Path, *, as_json: bool, **chosen: Any) -> None:
    """Stop services and remove their data; without a name, everything that up has started.

    Stops nothing else: each process is known by its id and by the moment at which it was started.
    """
    records = Records(directory)
    with records.locked():
        ended = [record for record in records.all() if record.name in (_named(chosen) or _SERVICES)]
        for record in ended:
            ran = record.running
            record.end()
            records.forget(record)
            click.echo(f"{_CALLED[record.name]} {'is stopped' if ran else 'had ended already'}", err=True)
        if as_json:
            click.echo(msgspec.json.encode({"stopped": [record.name for record in ended]}).decode())


@main.command()
def warm() -> None:
    """Make Kafka start in half the time.

    Runs it once, and keeps the classes that it loads in archives beside its jars; scripts/install-services does so too.
    """
    warm_kafka()


def _named(chosen: Mapping[str, Any]) -> list[str]:
    return [name for name in _SERVICES if chosen[name]]


def _forget_the_dead(records: Records) -> None:
    for record in records.all():
        if not record.running:
            record.end()
            records.forget(record)


def _start(records: Records, ports: Mapping[str, int]) -> None:
    """Start services and let go of them once all are there; on any error none stays."""
    for name in ports:
        records.remove_data(name)  # an earlier start may have been broken off
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(_SERVICES[name](records.data(name), port=port)) for name, port in ports.items()
        }
        for name, service in started.items():
            records.keep(Record(name=name, environment=dict(service.environment), processes=service.processes))
            service.detach()


def _start_with_docker(records: Records, ports: Mapping[str, int]) -> None:
    """Start services of compose.yaml; on any error none stays."""
    if "cluster" in ports:
        message = "compose.yaml has no Redis Cluster: start it without --docker"
        raise click.UsageError(message)
    compose.check()
    with ExitStack() as stack:
        started = {}
        for name, port in ports.items():
            stack.callback(compose.down, name)
            started[name] = compose.up(name, port)
        stack.pop_all()
    for name, environment in started.items():
        records.keep(Record(name=name, environment=dict(environment), docker=True))


def _show(found: list[Record], records: Records, *, as_json: bool, told: Mapping[str, int]) -> None:
    if as_json:
        _print_json(found, records)
        return
    for record in found:
        click.echo(
            f"{_CALLED[record.name]} {'is up' if record.name in told else 'was up already'}: "
            f"{_whereabouts(record, records)}",
            err=True,
        )
        for name, value in record.environment.items():
            click.echo(f"{name}={value}")
    if any(record.name == "kafka" and not record.docker for record in found):
        scripts = records.data("kafka") / "bin"
        click.echo(f'For kafka-topics.sh and its like: export PATH="{scripts}:$PATH"', err=True)


def _print_states(found: list[Record], records: Records) -> None:
    for record in found:
        state = "runs" if record.running else "has ended"
        click.echo(f"{record.name:8} {state:10} {_address(record)}  {_whereabouts(record, records)}")
    if not found:
        click.echo("Nothing was started.")


def _print_json(found: list[Record], records: Records) -> None:
    variables = {name: value for record in found for name, value in record.environment.items()}
    services = [
        {
            "name": record.name,
            "running": record.running,
            "environment": record.environment,
            "pids": [process.pid for process in record.processes],
            "docker": record.docker,
            "directory": None if record.docker else str(records.data(record.name)),
        }
        for record in found
    ]
    content = msgspec.json.encode({"environment": variables, "services": services})
    click.echo(msgspec.json.format(content, indent=2).decode())


def _address(record: Record) -> str:
    return " ".join(record.environment.values())


def _whereabouts(record: Record, records: Records) -> str:
    if record.docker:
        return "in docker"
    pids = ", ".join(str(process.pid) for process in record.processes)
    return f"pid {pids}, data and log in {records.data(record.name)}"


if __name__ == "__main__":
    main(prog_name="python -m tests.services")
