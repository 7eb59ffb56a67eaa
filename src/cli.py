"""The command line: each command lives in a module of ``commands``, loaded when it is asked for."""

from importlib import import_module
from typing import Any

import click

from . import __version__
from .errors import ConfigurationError, MasteryError, Refused

_COMMANDS = {
    "serve": "serve",
    "demo": "demo",
    "import": "import_files",
    "simulate": "simulate",
    "mastery": "mastery",
    "dump": "dump",
    "doctor": "doctor",
    "verify": "verify",
    "backup": "backup",
    "dead-letters": "dead_letters",
    "export": "export",
    "erase": "erase",
    "restore-consent": "restore_consent",
    "retention": "retention",
    "audit": "audit",
    "model": "model",
    "token": "token",
    "openapi": "openapi",
    "asyncapi": "asyncapi",
}
"""Command and the module that holds it: what a command does not need is not imported, so each starts quickly."""


class Commands(click.Group):
    """Finds commands by name, and tells our errors as a message and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one meets them."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None for a name that is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f".commands.{_COMMANDS[cmd_name]}", __package__).command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # whatever the command returns
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            lines = "".join(f"\n  {name} {reason}" for name, reason in error.reasons)
            message = f"The settings are not usable.{lines}"
            raise click.ClickException(message) from None
        except Refused as error:
            reasons = "".join(f"\n  {field or 'all of it'}: {reason}" for field, reason in error.reasons)
            message = f"{error.detail}{reasons}"
            raise click.ClickException(message) from None
        except MasteryError as error:
            raise click.ClickException(str(error)) from None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mastery-engine")
def main() -> None:
    """Know how well each student masters each topic.

    Settings come from the environment; without any, everything is kept in ./data.
    """
