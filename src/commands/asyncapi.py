"""``asyncapi``: the contract of the topics."""

import click

from ..asyncapi import document
from .terminal import json_option, print_json


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Print the AsyncAPI document, as JSON."""
    del as_json
    print_json(document())
