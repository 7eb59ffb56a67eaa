"""Files to import: plain or gzip, from a path or standard input, always read as a stream."""

import gzip
import io
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import CommandFailed

GZIP_MAGIC = b"\x1f\x8b"
STDIN = "-"
UNREADABLE = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading compressed data that is cut off or damaged raises."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file: ``content`` is decompressed; ``size`` in bytes as stored, None where it is not known."""

    name: str
    content: io.BufferedReader
    descriptor: int
    size: int | None

    def position(self) -> int:
        """Return how many of the stored bytes were read."""
        return 0 if self.size is None else os.lseek(self.descriptor, 0, os.SEEK_CUR)


@contextmanager
def open_source(path: str, *, rewindable: bool = False) -> Iterator[Source]:
    """Open a path or ``-``; standard input is copied to a temporary file where it has to be read twice."""
    name = "standard input" if path == STDIN else path
    with _told(name):
        if path != STDIN:
            with Path(path).open("rb") as stored:
                yield _source(name, stored.fileno(), os.fstat(stored.fileno()).st_size)
        elif rewindable:
            with tempfile.TemporaryFile() as stored:
                shutil.copyfileobj(sys.stdin.buffer, stored)
                stored.seek(0)
                yield _source(name, stored.fileno(), os.fstat(stored.fileno()).st_size)
        else:
            yield _source(name, sys.stdin.fileno(), None)


def rewind(source: Source) -> Source:
    """Return a source that was opened as rewindable, at its beginning."""
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return _source(source.name, source.descriptor, source.size)


def _source(name: str, descriptor: int, size: int | None) -> Source:
    # The descriptor outlives its readers: those who read close what they were given.
    content: io.BufferedReader = io.BufferedReader(io.FileIO(descriptor, closefd=False))
    if content.peek(2)[:2] == GZIP_MAGIC:
        content = io.BufferedReader(gzip.GzipFile(fileobj=content))
    return Source(name, content, descriptor, size)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError:
        message = f"{name} ends in the middle of its compressed data; what came before was imported."
    except (gzip.BadGzipFile, zlib.error):
        message = f"{name} is not readable as gzip; what came before was imported."
    except OSError as error:
        message = f"{name} cannot be read: {os.strerror(error.errno) if error.errno else 'input error'}."
    else:
        return
    raise CommandFailed(message)
