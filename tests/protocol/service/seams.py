"""Coroutines advanced by hand: each goes on to its next pause, whatever it awaits on the way."""

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, cast

from ..schedule import Loss


class Killed(BaseException):
    """The consumer ends here, without a chance to do anything more."""


class _Pause:
    def __await__(self) -> "Generator[_Pause, Loss | None, Loss | None]":
        return (yield self)


async def pause() -> Loss | None:
    """Wait to be advanced; return what will be lost of the call that follows."""
    return await _Pause()


class Stepper:
    """A coroutine that runs until it pauses; what else it awaits is left to the event loop, where there is one."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._started = False
        self._failed = False

    async def step(self, loss: Loss | None) -> None:
        """Go on to the next pause."""
        advance = partial(self._coroutine.send, loss if self._started else None)
        self._started = True
        try:
            await _UntilPause(self._coroutine, advance)
        except BaseException:
            self._failed = True
            raise

    async def kill(self) -> None:
        """End it where it is; what it does to clean up is done."""
        try:
            while not self._failed:
                await _UntilPause(self._coroutine, partial(self._coroutine.throw, Killed()))
        except Killed:
            return


class _UntilPause:
    """Passes on what the coroutine yields to the event loop and back, but for a pause."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], advance: Callable[[], object]) -> None:
        self._coroutine = coroutine
        self._advance = advance

    def __await__(self) -> Generator[Any, Any, None]:
        found = self._advance()
        while not isinstance(found, _Pause):
            try:
                answer = yield found
            except BaseException as error:  # noqa: BLE001  # a cancellation is for whom it is awaiting
                found = self._coroutine.throw(error)
            else:
                found = cast("object", self._coroutine.send(answer))
