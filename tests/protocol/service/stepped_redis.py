"""A client of Redis that pauses before every round trip, any of which may get lost."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as NoConnection

from ..schedule import Loss
from .seams import pause


class SteppedRedis(Redis):
    """Where ``loses`` is set, what the schedule wants lost is lost."""

    loses = False

    @classmethod
    def like(cls, client: Redis, *, loses: bool) -> Self:
        """Return a client with the connections of another."""
        stepped = cls(connection_pool=client.connection_pool)
        stepped.loses = loses
        return stepped

    def client(self) -> Self:
        one = super().client()
        assert isinstance(one, type(self))
        one.loses = self.loses
        return one

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await _crossing(partial(super().execute_command, *args, **options), loses=self.loses)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "SteppedPipeline":  # noqa: FBT001, FBT002  # as in Redis
        pipeline = SteppedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.loses = self.loses
        return pipeline


class SteppedPipeline(Pipeline):
    """Of one that is no transaction a part may have been carried out."""

    loses = False

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  # as in Pipeline
        if not self.command_stack:
            return []
        loss = await pause()
        if self.loses and loss is Loss.REQUEST:
            raise _lost()
        if self.loses and loss is Loss.PART and not self.is_transaction:
            del self.command_stack[len(self.command_stack) // 2 :]
        results = await super().execute(raise_on_error)
        if self.loses and loss is not None:
            raise _lost()
        return results


async def _crossing(act: Callable[[], Awaitable[Any]], *, loses: bool) -> Any:
    loss = await pause()
    if loses and loss is Loss.REQUEST:
        raise _lost()
    result = await act()
    if loses and loss is not None:
        raise _lost()
    return result


def _lost() -> NoConnection:
    return NoConnection("lost")
