"""What an import could not take, kept beside: the records as they were, and the reasons by line."""

from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from ..adapters.rejected_files import FOLDER, REASONS
from ..errors import Reason
from .records import Frame, Record
from .sources import STDIN


class Rejects:
    """Writes rejected records to a file that can be mended and imported, and their reasons to another.

    Neither is made before there is something to write; files of an earlier import of the same source are replaced.
    """

    def __init__(self, path: Path, frame: Frame) -> None:
        self.path = path.with_name(path.name + frame.suffix)
        self.reasons_path = path.with_name(path.name + REASONS)
        self._frame = frame
        self._records: BinaryIO | None = None
        self._reasons: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Remove what an earlier import left."""
        self.path.unlink(missing_ok=True)
        self.reasons_path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close both files."""
        if self._records is not None:
            self._records.write(self._frame.after)
            self._records.close()
        if self._reasons is not None:
            self._reasons.close()

    @property
    def any(self) -> bool:
        """Tell whether something was rejected."""
        return self._records is not None

    def add(self, record: Record, reasons: tuple[Reason, ...]) -> None:
        """Keep a record and why it was not taken."""
        if self._records is None or self._reasons is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._records, self._reasons = _private(self.path), _private(self.reasons_path)
            self._records.write(self._frame.before)
        else:
            self._records.write(self._frame.between)
        self._records.write(record.raw)
        line = {"line": record.line, "reasons": [reason._asdict() for reason in reasons]}
        self._reasons.write(msgspec.json.encode(line) + b"\n")


def rejects_path(data_dir: Path, source: str) -> Path:
    """Return where the rejects of a source go, without suffix: the same place for every import of it."""
    if source == STDIN:
        return data_dir / FOLDER / "standard-input"
    name = Path(source).name.split(".")[0] or "source"
    return data_dir / FOLDER / f"{name}-{blake2b(str(Path(source).resolve()).encode(), digest_size=4).hexdigest()}"


def _private(path: Path) -> BinaryIO:
    path.touch(mode=0o600)
    return path.open("wb")
