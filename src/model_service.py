"""Which fitted model predicts: kept where every process can read it, activated, rolled back, noticed within seconds.

The models lie among the documents, each under its id, which is a digest of its content; so does the list of those that
were activated, the newest last, which alone is ever changed.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from .domain.learner import LearnerModel
from .errors import Conflict, ModelInvalid, ModelUnavailable, NotFound, TooLarge
from .model_artefact import read_artefact
from .ports import DocumentStore

MAX_STORED = 64 * 1024 * 1024
"""The largest model that is stored, in bytes as its file has it."""

KEPT = 6
"""So many activations are remembered, and the models of them kept: one can go back so far."""

_INDEX = "models"
_log = logging.getLogger("mastery_engine.models")


class LocalModels(Protocol):
    """The models that were fitted on this machine."""

    def ids(self) -> list[str]:
        """Return the ids of all models, the newest first."""

    def read(self, model_id: str) -> bytes | None:
        """Return the bytes of a model, None where there is none of this id."""


class StoredModel(msgspec.Struct, frozen=True):
    """A model that is in the store; ``size`` in bytes as it lies there."""

    model_id: str
    fitted_at: str
    size: int


class _Index(msgspec.Struct, frozen=True):
    """The activations, oldest first; an empty one stands for no model."""

    activated: tuple[StoredModel, ...] = ()

    @property
    def active(self) -> StoredModel | None:
        return self.activated[-1] if self.activated else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """A model that can be activated; of one that is only a file here ``fitted_at`` is not looked up."""

    id: str
    fitted_at: str | None = None
    size: int | None = None
    active: bool
    stored: bool


@dataclass(frozen=True, slots=True)
class ModelsAnswer:
    """The model that predicts, the one before it, and all that can be activated; null where there is none."""

    active: str | None
    previous: str | None
    models: tuple[ModelAnswer, ...]


_Change: TypeAlias = Callable[[_Index], _Index]
_read_index = msgspec.json.Decoder(_Index).decode


class ModelService:
    """Holds the active model of this process, and changes which one it is for all."""

    def __init__(self, documents: DocumentStore, *, local: LocalModels) -> None:
        self._documents = documents
        self._local = local
        self._loaded: LearnerModel | None = None
        self._fault: str | None = None
        # The version of the list as it was last followed, None where there was none.
        self._followed: int | None = None
        self._began = False
        self._following = asyncio.Lock()

    @property
    def active(self) -> LearnerModel | None:
        """Return the model that predicts in this process, None where there is none."""
        return self._loaded

    async def current(self) -> LearnerModel | None:
        """Return the same, after a first look at which one it is."""
        if not self._began:
            await self.follow()
        return self._loaded

    async def follow(self) -> None:
        """Load the model that was activated last, unless this process has it already.

        One that cannot be used is told once, and the model before it stays.
        """
        async with self._following:
            version, index = await self._index()
            if self._began and version == self._followed:
                return
            self._began = True
            active = index.active
            if active is None:
                self._loaded = None
            elif self._loaded is None or self._loaded.model_id != active.model_id:
                try:
                    self._loaded = await self._load_stored(active.model_id)
                except ModelInvalid as error:
                    self._followed, self._fault = version, f"The active model {error}."
                    _log.warning("MODEL the active model cannot be used", extra={"reason": str(error)})
                    return
                _log.info("MODEL loaded", extra={"model": active.model_id})
            self._followed, self._fault = version, None

    async def check(self) -> str:
        """Return what predicts; raises ``ModelUnavailable`` where the active model cannot be used."""
        if self._fault is not None:
            raise ModelUnavailable(self._fault)
        return "smoothed rate" if self._loaded is None else f"model {self._loaded.model_id}"

    async def list(self) -> ModelsAnswer:
        """Return the models that can be activated: those in the store, and the files of this machine."""
        _, index = await self._index()
        stored = {one.model_id: one for one in reversed(index.activated)}
        active = None if index.active is None else index.active.model_id
        known = [
            ModelAnswer(id=one.model_id, fitted_at=one.fitted_at, size=one.size, active=name == active, stored=True)
            for name, one in stored.items()
        ]
        files = [ModelAnswer(id=name, active=False, stored=False) for name in self._local.ids() if name not in stored]
        before = index.activated[-2].model_id if len(index.activated) > 1 else None
        return ModelsAnswer(active, before, (*known, *files))

    async def activate(self, model_id: str) -> ModelsAnswer:
        """Have a model predict from now on, everywhere; raises ``NotFound``, ``Conflict`` or ``TooLarge``.

        It is loaded before anything is changed. The one that is active already stays so.
        """
        stored = await self._store(model_id)

        def change(index: _Index) -> _Index:
            if index.active is not None and index.active.model_id == model_id:
                return index
            return _Index((*index.activated, stored)[-KEPT:])

        return await self._change(change)

    async def roll_back(self) -> ModelsAnswer:
        """Have the model predict that did before the active one; before the first there was none.

        Raises ``Conflict`` where there is nothing to go back from.
        """

        def change(index: _Index) -> _Index:
            if not index.activated:
                detail = "No model is active: there is nothing to roll back."
                raise Conflict(detail)
            return _Index(index.activated[:-1])

        return await self._change(change)

    async def _index(self) -> tuple[int | None, _Index]:
        found = await self._documents.get(_INDEX)
        return (None, _Index()) if found is None else (found.version, _read_index(found.body))

    async def _change(self, change: _Change) -> ModelsAnswer:
        while True:
            version, before = await self._index()
            after = change(before)
            if after == before:
                break
            if await self._documents.put(_INDEX, msgspec.json.encode(after), version) is not None:
                await self._forget({one.model_id for one in before.activated})
                break
        await self.follow()
        return await self.list()

    async def _forget(self, known: set[str]) -> None:
        """Remove models that nobody can go back to any more."""
        _, index = await self._index()
        for model_id in known - {one.model_id for one in index.activated}:
            await self._documents.delete(_name(model_id))

    async def _store(self, model_id: str) -> StoredModel:
        """See to it that a model is in the store and can be used; a file stands in for one that was damaged there."""
        kept = await self._documents.get(_name(model_id))
        copies = [] if kept is None else [kept.body]
        if (file := self._local.read(model_id)) is not None:
            copies.append(file)
        if not copies:
            detail = "There is no such model, neither in the store nor among the files of this machine."
            raise NotFound(detail)
        model, data = await _first_usable(model_id, copies)
        if kept is None or kept.body != data:
            # Where another was quicker it put the same.
            await self._documents.put(_name(model_id), data, None if kept is None else kept.version)
        return StoredModel(model_id, model.fitted_at, len(data))

    async def _load_stored(self, model_id: str) -> LearnerModel:
        kept = await self._documents.get(_name(model_id))
        if kept is None:
            message = "is not in the store"
            raise ModelInvalid(message)
        return await _load(model_id, kept.body)


async def _first_usable(model_id: str, copies: Sequence[bytes]) -> tuple[LearnerModel, bytes]:
    """Return the first copy of a model that can be used; raises ``Conflict`` or ``TooLarge``."""
    reason = ""
    for data in copies:
        if len(data) > MAX_STORED:
            detail = f"A model has at most {MAX_STORED} bytes."
            raise TooLarge(detail)
        try:
            return await _load(model_id, data), data
        except ModelInvalid as error:
            reason = str(error)
    detail = f"The model cannot be used: it {reason}."
    raise Conflict(detail)


async def _load(model_id: str, data: bytes) -> LearnerModel:
    """Load a model beside the event loop; raises ``ModelInvalid`` also where it is another than its name says."""
    model = await asyncio.to_thread(_read_undisturbed, data)
    if model.model_id != model_id:
        message = "is not the one that its name says"
        raise ModelInvalid(message)
    return model


def _read_undisturbed(data: bytes) -> LearnerModel:
    """Read a model without collecting garbage, which would look through its many counts then and ever again."""
    gc.disable()
    try:
        return read_artefact(data)
    finally:
        gc.freeze()
        gc.enable()


def _name(model_id: str) -> str:
    return f"model:{model_id}"
