import socket

import pytest

from torchedu.ray_address import meet


def test_an_address_where_nobody_listens_is_refused_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        with pytest.raises(OSError, match="refused"):
            meet(address)


def test_where_somebody_listens_and_words_of_ray_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        meet(f"127.0.0.1:{server.getsockname()[1]}")
    for word in ("", "auto", "local"):
        meet(word)
