import pytest
from starlette.datastructures import Headers

from src.sidecar import AppToken

TOKEN = "the token of the sidecar"


@pytest.mark.parametrize("given", [[], [""], [TOKEN[:-1]], [TOKEN + "x"], [TOKEN, TOKEN], ["\udcff"]])
def test_only_the_token_once_is_accepted(given: list[str]) -> None:
    assert AppToken(TOKEN).accepts([TOKEN])
    assert not AppToken(TOKEN).accepts(given)


@pytest.mark.parametrize("given", [[], [""], [TOKEN]])
def test_without_a_token_nobody_is_the_sidecar(given: list[str]) -> None:
    assert not AppToken(None).accepts(given)


@pytest.mark.parametrize("token", [None, "wrong"])
def test_who_calls_is_believed_from_the_sidecar_only(token: str | None) -> None:
    said = {"dapr-caller-app-id": "agent"} | ({} if token is None else {"dapr-api-token": token})
    assert AppToken(TOKEN).caller(Headers(said)) is None
    assert AppToken(TOKEN).caller(Headers(said | {"dapr-api-token": TOKEN})) == "agent"


@pytest.mark.parametrize("app_id", ["", "a b", "x\n", "x" * 254])
def test_a_name_that_no_application_has_is_not_told(app_id: str) -> None:
    headers = Headers({"dapr-caller-app-id": app_id, "dapr-api-token": TOKEN})
    assert AppToken(TOKEN).caller(headers) is None
