"""A loop for tests of what happens after a while."""

import asyncio
import selectors


class Impatient(selectors.SelectSelector):
    """Tells the loop that the time it wanted to sleep has passed, at once."""

    slept = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.slept += timeout or 0
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        self._skipping = Impatient()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.slept
