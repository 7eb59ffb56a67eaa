"""The newest row of the audit trail in a file beside the store, so that a tail that was cut off is missed."""

import logging
import os
from contextlib import suppress
from pathlib import Path

from ..ports import Link

FILE_NAME = "audit-head"
_log = logging.getLogger("mastery_engine.audit")


class HeadFile:
    """The witness in a file that its owner alone may read."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def last(self) -> Link | None:
        """Return what the file says, None where there is none."""
        with suppress(OSError, ValueError):
            seq, _, mac = self._path.read_text().strip().partition(":")
            return Link(int(seq), mac)
        return None

    def tell(self, head: Link) -> None:
        """Write the file as a whole."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{head.seq}:{head.mac}\n")
            draft.replace(self._path)
        except OSError:
            _log.warning("AUDIT the file of the newest row cannot be written")
