"""A fake of where documents are kept; it passes ``tests/contract/test_documents.py``, as what it stands in for."""

from itertools import count

from src.ports import Document


class MemoryDocuments:
    """The port of documents in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[str, Document] = {}
        self._versions = count(1)

    async def get(self, name: str) -> Document | None:
        return self._kept.get(name)

    async def put(self, name: str, body: bytes, expected: int | None) -> int | None:
        found = self._kept.get(name)
        if (None if found is None else found.version) != expected:
            return None
        self._kept[name] = Document(next(self._versions), body)
        return self._kept[name].version

    async def delete(self, name: str) -> bool:
        return self._kept.pop(name, None) is not None
