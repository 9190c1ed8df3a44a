"""A transaction pooler, as PgBouncer is one: whoever asks gets another session for each transaction."""

import asyncio
import itertools
from dataclasses import dataclass, field

_SSL, _GSS = 80877103, 80877104
_STARTUP = (b"user\x00postgres\x00database\x00%s\x00\x00", 196608)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return the kind of a message and the whole of it."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


@dataclass
class _Session:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes
    free: asyncio.Lock = field(default_factory=asyncio.Lock)


class TransactionPooler:
    """Listens on a port of this machine; a transaction is handed to the next of its sessions."""

    def __init__(self, socket: str, database: str, sessions: int = 3) -> None:
        self._socket = socket
        self._database = database
        self._count = sessions
        self._sessions: list[_Session] = []
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self.transactions = 0

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://postgres@127.0.0.1:{port}/{self._database}"

    async def start(self) -> None:
        self._sessions = [await self._session() for _ in range(self._count)]
        self._turns = itertools.cycle(self._sessions)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for client in self._clients:
            client.close()
        for session in self._sessions:
            session.writer.close()

    async def _session(self) -> _Session:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        text, version = _STARTUP
        said = version.to_bytes(4, "big") + text % self._database.encode()
        writer.write((len(said) + 4).to_bytes(4, "big") + said)
        greeting = b""
        while True:
            kind, message = await _message(reader)
            greeting += message
            if kind == b"Z":
                return _Session(reader, writer, greeting)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                said = await reader.readexactly(length - 4)
                if int.from_bytes(said[:4], "big") not in (_SSL, _GSS):
                    break
                writer.write(b"N")
            writer.write(self._sessions[0].greeting)
            while True:
                await self._transaction(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self._clients.discard(writer)

    async def _transaction(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = await self._asked(reader)
        session = next(self._turns)
        async with session.free:
            self.transactions += 1
            while await self._answered(session, asked, writer) != b"I":
                asked = await self._asked(reader)

    @staticmethod
    async def _asked(reader: asyncio.StreamReader) -> bytes:
        """Return everything up to the point where the client waits for an answer."""
        asked = b""
        while True:
            kind, message = await _message(reader)
            if kind == b"X":
                raise ConnectionError
            asked += message
            if kind in (b"S", b"Q"):
                return asked

    @staticmethod
    async def _answered(session: _Session, asked: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Hand the answer on and return the state of the transaction after it."""
        session.writer.write(asked)
        while True:
            kind, message = await _message(session.reader)
            writer.write(message)
            if kind == b"Z":
                return message[-1:]
