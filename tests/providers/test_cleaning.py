"""What of a platform's error answer may be shown."""

import orjson
import pytest

from consent_sync.adapters.cleaning import cleaned


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        (b"plain words", "plain words"),
        (b"<html><body><h1>Error  400</h1></body></html>", "Error 400"),
        (b"write to jane.doe@example.com", "write to ***"),
        (b"/profile/emailAddress=jane%40example.com", "/profile/emailAddress=***"),
        (b"no profile 'Jane Doe' here", "no profile *** here"),
        (b"call +32 470 12 34 56 now", "call *** now"),
        (b"born 1980-02-29", "born ***"),
        (b"token eyJhbGciOiJSUzI1NiJ9eyJhbGci", "token ***"),
        (b'{"code": 400, "name": "BadRequest"}', "code: 400; name: BadRequest"),
        (b'{"errors": [{"message": "too long"}]}', "message: too long"),
        (b'{"lastName": "Doe", "age": 42}', "lastName: ***; age: 42"),
        (b'{"jane@example.com": "x"}', "***: ***"),
        (b'["mandatory"]', "mandatory"),
        (b'{"profileId": 12345678}', "profileId: ***"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_personal_data_is_masked(body: bytes, shown: str) -> None:
    """Sentences for people stay readable; values, addresses, numbers and tokens do not."""
    assert cleaned(body) == shown


def test_a_long_answer_is_cut() -> None:
    """Nothing longer than the limit is kept."""
    shown = cleaned(orjson.dumps({"message": "word " * 1000}))

    assert len(shown) == 300
    assert shown.endswith("…")
