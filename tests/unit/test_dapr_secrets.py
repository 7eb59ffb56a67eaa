"""The secret of the tokens, fetched through a sidecar that may not be there yet."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from src.config import Settings
from src.dapr_secrets import with_secret
from src.errors import ConfigurationError, SidecarUnavailable
from src.ports import SidecarState

SECRET = "a-secret-of-the-tests-with-enough-bytes"


class Sidecar:
    """Is away for a while, then gives the values of one secret."""

    def __init__(self, values: Mapping[str, str], away: int = 0) -> None:
        self._values = values
        self.away = away

    async def check(self) -> None:
        raise NotImplementedError

    async def state(self) -> SidecarState:
        raise NotImplementedError

    async def secret(self, store: str, name: str) -> Mapping[str, str]:
        assert (store, name) == ("secrets", "engine")
        if self.away > 0:
            self.away -= 1
            detail = "away"
            raise SidecarUnavailable(detail)
        return self._values


async def at_once(seconds: float) -> None:
    assert seconds > 0


def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, dapr_http_port=3500, dapr_secret_store="secrets", dapr_secret_name="engine")


@pytest.mark.parametrize("values", [{"JWT_SECRET": SECRET, "engine": "x"}, {"engine": SECRET}])
async def test_the_secret_is_fetched_once_the_sidecar_is_there(tmp_path: Path, values: dict[str, str]) -> None:
    found = await with_secret(settings(tmp_path), Sidecar(values, away=3), pause=at_once)
    assert found.in_clear(found.jwt_secret) == SECRET


@pytest.mark.parametrize("values", [{}, {"other": SECRET}, {"engine": "short"}, {"engine": ""}])
async def test_what_is_no_secret_ends_the_start(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as error:
        await with_secret(settings(tmp_path), Sidecar(values), pause=at_once)
    assert SECRET not in str(error.value)


async def test_without_a_store_nothing_is_asked_for(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path, dapr_http_port=3500)
    assert await with_secret(given, Sidecar({}, away=1), pause=at_once) is given
