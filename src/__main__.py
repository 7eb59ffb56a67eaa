"""``python -m src``: the command line."""

import signal
import sys

# Process 1 of a container gets no signal that it has no handler for, and what follows takes a second.
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

from .cli import main  # noqa: E402  # see above

main(prog_name="mastery-engine")
