"""The key of the tokens out of a store of secrets that the Dapr sidecar reaches."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import SecretStr

from .config import Settings
from .errors import ConfigurationError, Reason, SidecarUnavailable
from .ports import Sidecar

WAIT_S = 60.0
PAUSE_S = 0.5
FIELD: Final = "JWT_SECRET"
_log = logging.getLogger("mastery_engine.dapr")


async def with_secret(
    settings: Settings, sidecar: Sidecar, *, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> Settings:
    """Return the settings with the secret where one is to be fetched; a sidecar that is not there yet is waited for.

    Raises ``ConfigurationError`` where it does not come within a minute, or the secret is none that may be used.
    """
    if settings.dapr_secret_store is None:
        return settings
    found = await _fetched(sidecar, settings.dapr_secret_store, settings.dapr_secret_name, pause)
    if found is None:
        reason = Reason("DAPR_SECRET_STORE", "gives no such secret, or the sidecar does not answer")
        raise ConfigurationError([reason])
    return settings.with_jwt_secret(SecretStr(found))


async def _fetched(sidecar: Sidecar, store: str, name: str, pause: Callable[[float], Awaitable[object]]) -> str | None:
    deadline_s = time.monotonic() + WAIT_S
    while True:
        try:
            values = await sidecar.secret(store, name)
        except SidecarUnavailable as error:
            if time.monotonic() > deadline_s:
                return None
            _log.warning("DAPR secret cannot be fetched yet", extra={"reason": error.detail})
            await pause(PAUSE_S)
        else:
            # A store of single values calls it by the secret's own name.
            return values.get(FIELD) or values.get(name)
