"""The curriculum: the default until an admin puts another in its place."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from .domain.curriculum import DEFAULT, Curriculum, CurriculumTopic, flaws
from .errors import BadRequest, Reason
from .ports import Document, DocumentStore
from .preconditions import Precondition, tag_of

_NAME = "curriculum"
_DEFAULT_VERSION = 0

_decode = msgspec.json.Decoder(tuple[CurriculumTopic, ...]).decode


@dataclass(frozen=True, slots=True)
class TaggedCurriculum:
    """A curriculum and the tag of its version."""

    etag: str
    curriculum: Curriculum


class CurriculumService:
    """Gives the curriculum that holds, and replaces it as a whole."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._known = (_DEFAULT_VERSION, DEFAULT)

    async def get(self) -> TaggedCurriculum:
        """Return the curriculum that holds."""
        return self._tagged(await self._store.get(_NAME))

    async def put(self, topics: Sequence[CurriculumTopic], condition: Precondition) -> TaggedCurriculum:
        """Replace the curriculum; raises ``BadRequest`` with every rule that it breaks.

        The same again changes nothing.
        """
        if found := [Reason(f"topics.{place}.{field}", reason) for place, field, reason in flaws(topics)]:
            detail = "The curriculum is not valid."
            raise BadRequest(detail, found)
        curriculum = Curriculum(tuple(topics))
        while True:
            stored = await self._store.get(_NAME)
            before = self._tagged(stored)
            condition.check(before.etag)
            if before.curriculum == curriculum:
                return before
            version = await self._store.put(
                _NAME, msgspec.json.encode(curriculum.topics), None if stored is None else stored.version
            )
            if version is not None:
                return TaggedCurriculum(tag_of(version), curriculum)

    def _tagged(self, stored: Document | None) -> TaggedCurriculum:
        version = _DEFAULT_VERSION if stored is None else stored.version
        if version != self._known[0]:
            self._known = version, DEFAULT if stored is None else Curriculum(_decode(stored.body))
        return TaggedCurriculum(tag_of(version), self._known[1])
