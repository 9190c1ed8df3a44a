"""What PostgreSQL complains of, as errors that say what to do and quote nobody's data."""

from collections.abc import Iterator
from contextlib import contextmanager
from struct import error as StructError  # noqa: N812 - the library names it like a variable
from typing import Final

import psycopg
import psycopg_pool

from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
from consent_sync.domain.errors import StoreError

# First two characters of SQLSTATE; PostgreSQL, appendix "PostgreSQL Error Codes".
_ADVICE: Final = {
    "08": "the connection broke",
    "28": "it refuses our user or password; check CONSENT_SYNC_DATABASE_URL",
    "3D": "there is no such database; make it first",
    "42": "its tables are not as expected; run `consent-sync migrate`",
    "53": "it has no room or no connection left; make room, it goes on by itself",
    "57": "it is stopping or starting, or somebody ended the statement",
    "58": "its disk reports an error; check it",
}
_ENVIRONMENT: Final = frozenset({"08", "28", "3D", "53", "57", "58", "25"})
# Serialization failure and deadlock: the same again will do.
_AGAIN: Final = frozenset({"40001", "40P01"})


class UnansweredStoreError(EnvironmentStoreError):
    """The connection broke or nothing came in time: it may have been stored, or may still be."""


class LateStoreError(UnansweredStoreError):
    """No answer came in time."""


class RepeatStoreError(StoreError):
    """Nothing was stored because of somebody else's transaction; the same again will do."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's errors and values that cannot be stored into StoreError."""
    try:
        yield
    except psycopg_pool.PoolTimeout as error:
        raise EnvironmentStoreError(
            "the database cannot be reached; check CONSENT_SYNC_DATABASE_URL and the server"
        ) from error
    except psycopg_pool.PoolClosed as error:
        raise EnvironmentStoreError("the store is not open") from error
    except psycopg_pool.TooManyRequests as error:
        raise EnvironmentStoreError("too many wait for the database") from error
    except psycopg.Error as error:
        raise explain(error) from error
    except TimeoutError as error:
        raise LateStoreError("the database did not answer in time") from error
    except OSError as error:
        raise UnansweredStoreError(
            f"the connection to the database broke: {error.strerror}"
        ) from error
    except (UnicodeEncodeError, StructError, OverflowError) as error:
        raise StoreError(f"it cannot be stored: {type(error).__name__}") from error


def not_connected(error: psycopg.Error) -> StoreError:
    """Return why there is no connection, in the words of server or library: never a password."""
    if not isinstance(error, psycopg.OperationalError):
        # What cannot be taken apart is not quoted: a password may be the reason.
        return StoreError(
            "CONSENT_SYNC_DATABASE_URL cannot be used: found something else than "
            "postgresql://USER:PASSWORD@HOST/DATABASE?PARAMETER=VALUE, with %40 for @, %2F for /, "
            "%3F for ? and so on in the password, and parameters that PostgreSQL knows"
        )
    why = str(error).rpartition(" failed: ")[2].removeprefix("FATAL:")
    return EnvironmentStoreError(
        f"the database cannot be reached: {' '.join(why.split())}; "
        "check CONSENT_SYNC_DATABASE_URL and the server"
    )


def explain(error: psycopg.Error) -> StoreError:
    """Return an error of ours; of the server's message only the line without data in it."""
    state = error.sqlstate or ""
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return UnansweredStoreError("the connection to the database broke, or there is none")
    text = _ADVICE.get(state[:2]) or error.diag.message_primary or type(error).__name__
    sentence = f"the database: {text} ({state or type(error).__name__})"
    if state in _AGAIN:
        return RepeatStoreError(sentence)
    if state[:2] in {"57", "08"}:
        return UnansweredStoreError(sentence)
    return (EnvironmentStoreError if state[:2] in _ENVIRONMENT else StoreError)(sentence)
