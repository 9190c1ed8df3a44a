"""A client of the HTTP side, for tests that change nothing about the house."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from consent_sync.web.routes import http_application
from tests.web.parts import House

Client: TypeAlias = TestClient[web.Request, web.Application]
Visit: TypeAlias = Callable[[House], Awaitable[Client]]


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def visit(aiohttp_client: AiohttpClient) -> Visit:
    async def open_house(house: House) -> Client:
        await house.store.open()
        return await aiohttp_client(http_application(house.parts()))

    return open_house


@pytest.fixture
async def client(house: House, visit: Visit) -> Client:
    return await visit(house)
