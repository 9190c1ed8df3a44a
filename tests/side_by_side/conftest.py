"""A fresh database for each test that needs one."""

from collections.abc import Iterator

import pytest

from tests.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)
