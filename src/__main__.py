"""``python -m src``: the command line."""

from .cli import main

main(prog_name="mastery-engine")
