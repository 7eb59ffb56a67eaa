"""Fetching a set of keys from an address that may answer anything."""

import socket
import threading

import pytest

from src.adapters.key_set import MAX_BYTES, key_set_fetcher
from src.errors import KeysUnavailable
from tests.api.key_sets import publishing


def test_what_is_published_is_fetched() -> None:
    with publishing() as publisher:
        assert key_set_fetcher(publisher.url)() == b'{"keys": []}'


def test_a_redirect_is_not_followed() -> None:
    with publishing() as elsewhere, publishing() as publisher:
        publisher.status, publisher.headers = 302, {"Location": elsewhere.url}
        with pytest.raises(KeysUnavailable):
            key_set_fetcher(publisher.url)()
        assert elsewhere.asked == 0


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_is_no_set(status: int) -> None:
    with publishing() as publisher:
        publisher.status = status
        with pytest.raises(KeysUnavailable):
            key_set_fetcher(publisher.url)()


def test_no_more_is_read_than_a_set_may_have() -> None:
    with publishing() as publisher:
        publisher.content = b" " * (MAX_BYTES + 1)
        with pytest.raises(KeysUnavailable, match="too many"):
            key_set_fetcher(publisher.url)()


def test_nobody_there_is_told_as_ours() -> None:
    with publishing() as publisher:
        url = publisher.url
    with pytest.raises(KeysUnavailable):
        key_set_fetcher(url)()


def test_something_that_speaks_no_http_is_told_as_ours() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"+PONG\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(KeysUnavailable):
            key_set_fetcher(f"http://127.0.0.1:{listener.getsockname()[1]}/keys")()
        thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with publishing() as publisher, pytest.raises(KeysUnavailable):
        key_set_fetcher(publisher.url.replace("http://", "https://"))()
