"""On what a change depends: the tags of ``If-Match`` and ``If-None-Match`` (RFC 9110, section 13)."""

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import PreconditionFailed


@dataclass(frozen=True, slots=True)
class Precondition:
    """At which tags a change may be made: ``If-Match`` and ``If-None-Match``, where they were given.

    ``*`` stands for any tag; a tag of None is that of what does not exist.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def check(self, etag: str | None) -> None:
        """Let pass at a tag; raises ``PreconditionFailed``."""
        if not (self.match is None or _stands_for(self.match, etag)) or (
            self.none_match is not None and _stands_for(self.none_match, etag)
        ):
            detail = "What is to be changed is not as the condition of the request says; read it again."
            raise PreconditionFailed(detail)


def tag_of(version: int) -> str:
    """Return the tag of a version."""
    return f'"{version:x}"'


def _stands_for(tags: Iterable[str], etag: str | None) -> bool:
    return etag is not None and ("*" in tags or etag in tags)
