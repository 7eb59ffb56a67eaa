"""The time that calls to the store and to the broker take, observed around any adapter."""

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast

from prometheus_client import Histogram

_A = TypeVar("_A")


def timed(adapter: _A, port: str, seconds: Histogram) -> _A:
    """Return what behaves as the adapter does, and observes every asynchronous call by port, name and outcome."""
    return cast("_A", _Timed(adapter, port, seconds))


class _Timed:
    """Stands in front of an adapter; each call is wrapped when it is first asked for."""

    def __init__(self, adapter: object, port: str, seconds: Histogram) -> None:
        self._adapter = adapter
        self._port = port
        self._seconds = seconds

    def __getattr__(self, name: str) -> object:
        """Return what the adapter has under a name; a call is kept, so that this is asked once for each."""
        found = getattr(self._adapter, name)
        if not iscoroutinefunction(found):
            return found
        call = self._observed(found)
        setattr(self, name, call)
        return call

    def _observed(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        done, failed = (self._seconds.labels(self._port, call.__name__, outcome) for outcome in ("done", "failed"))

        @wraps(call)
        async def observed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the call takes and returns
            started_s = time.perf_counter()
            try:
                result = await call(*args, **kwargs)
            except BaseException:
                failed.observe(time.perf_counter() - started_s)
                raise
            done.observe(time.perf_counter() - started_s)
            return result

        return observed
