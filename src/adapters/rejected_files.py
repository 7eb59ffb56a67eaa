"""What imports could not take, as a place with personal data: the records lie there as they were."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

FOLDER = "rejected"
REASONS = ".reasons.jsonl"
_CHARACTER = rb"[A-Za-z0-9._-]"


class RejectedFiles:
    """The files of this machine's ``DATA_DIR`` in which an id stands as a whole word, whatever their form.

    Such a file goes as a whole with its reasons: records that cannot be read cannot be told apart for sure. The other
    records come back when their source is imported again.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    async def export(self, student_id: str) -> object | None:
        """Return the lines that name the student, by file; None where nothing does."""
        return await asyncio.to_thread(self._export, student_id)

    async def erase(self, student_id: str) -> int:
        """Delete every file that names the student, and return how many."""
        return await asyncio.to_thread(self._erase, student_id)

    async def remains(self, student_id: str) -> int:
        """Return how many files name the student."""
        return await asyncio.to_thread(lambda: sum(1 for _ in self._naming(student_id)))

    def _export(self, student_id: str) -> object | None:
        pattern = _word(student_id)
        found = {
            path.name: [line.decode("utf-8", "replace") for line in content.splitlines() if pattern.search(line)]
            for path, content in self._naming(student_id)
        }
        return found or None

    def _erase(self, student_id: str) -> int:
        paths = [path for path, _ in self._naming(student_id)]
        for path in paths:
            path.unlink(missing_ok=True)
            path.with_name(path.stem + REASONS).unlink(missing_ok=True)
        return len(paths)

    def _naming(self, student_id: str) -> Iterator[tuple[Path, bytes]]:
        pattern = _word(student_id)
        for path in sorted(self._folder.glob("*")):
            if path.is_file() and not path.name.endswith(REASONS):
                content = path.read_bytes()
                if pattern.search(content):
                    yield path, content


def _word(student_id: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<!%b)%b(?!%b)" % (_CHARACTER, re.escape(student_id.encode()), _CHARACTER))
