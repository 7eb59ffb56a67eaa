"""``doctor``: what is wrong, what it means, and what to do."""

import asyncio
from typing import TextIO

import click
import msgspec
from rich.text import Text

from ..diagnosis import Finding, Severity
from ..doctor import Patient, diagnose, diagnose_settings
from ..errors import CommandFailed, ConfigurationError
from .terminal import console, json_option, print_json, read_settings

_COLOURS = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "red"}
_INDENT = 21


@click.command()
@click.option("--token-file", type=click.File("r"), default=None, help="A token to check too; - for standard input.")
@json_option
def command(token_file: TextIO | None, *, as_json: bool) -> None:
    """Look for what is wrong, and say what it means and what to do; exit code 1 where something is an error."""
    token = None if token_file is None else token_file.read().strip()
    findings = _findings(token)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in findings])
    else:
        _tell(findings)
    errors = sum(one.severity is Severity.ERROR for one in findings)
    if errors:
        message = f"{errors} of {len(findings)} findings are errors."
        raise CommandFailed(message)


def _findings(token: str | None) -> list[Finding]:
    try:
        settings = read_settings()
    except ConfigurationError as error:
        return diagnose_settings(error)
    return asyncio.run(diagnose(Patient(settings, token)))


def _tell(findings: list[Finding]) -> None:
    shown = console()
    for one in findings:
        line = Text.assemble((f"{one.severity:<8}", _COLOURS[one.severity]), (f"{one.check:<13}", "bold"), one.found)
        # Not wrapped: what is to be done next can be copied as it stands.
        shown.print(line, soft_wrap=True)
        for text in filter(None, (one.meaning, one.next and f"-> {one.next}")):
            shown.print(Text(" " * _INDENT + text), soft_wrap=True)
