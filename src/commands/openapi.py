"""``openapi``: the contract of the HTTP interface."""

import click

from ..main import create_app
from .terminal import json_option, print_json


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Print the OpenAPI document, as JSON."""
    del as_json
    print_json(create_app().openapi())
