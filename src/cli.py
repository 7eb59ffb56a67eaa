"""The command line."""

import click


@click.group()
def main() -> None:
    """Know how well each student masters each topic."""
