"""Stubs get into a file as remarks, and everything else stays byte for byte."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.mapping_files.stubs import StubError, stubs, with_stubs, write_stubs
from consent_sync.domain.consent import Node
from consent_sync.domain.inventory import Newcomers
from tests.mapping_files.samples import FULL, HEAD, LINES, read

DAY = "2026-11-21"
NEW = Newcomers(("Week: end",), (Node("ads"), Node("", "topics", "sport")))
WHOLE = HEAD + LINES


def added(text: str | bytes, found: Newcomers = NEW) -> bytes:
    return with_stubs(text if isinstance(text, bytes) else text.encode(), found, day=DAY)


def test_stubs_stand_behind_the_last_line() -> None:
    """They are remarks, indented like the lines."""
    assert added(WHOLE).decode() == WHOLE + (
        "  # Found on 2026-11-21, in no mapping yet. To take one in, remove the marks and fill it in.\n"
        "  # - id: 'Week: end'\n"
        "  #   value:   # which place in Didomi?\n"
        "  #   sync: off\n"
        "  # - id:   # which subscription in Actito?\n"
        "  #   value: {purpose: ads}\n"
        "  #   sync: off\n"
        "  # - id:   # which subscription in Actito?\n"
        "  #   value: {preference: topics, option: sport}   # below which purpose?\n"
        "  #   sync: off\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.rstrip("\n"),
        WHOLE + "\n\n# the end\n",
        WHOLE.replace("\n", "\r\n"),
        "\ufeff" + WHOLE,
        WHOLE + "\n# about attributes\nattributes: {allow: [a]}\n",
        FULL,
        HEAD + "mappings: [{id: A, value: {channel: email}},\n  {id: B, value: {purpose: p}}]\n",
        "mappings:\n- id: A\n  value: {channel: email}\n# below\n" + HEAD,
    ],
    ids=["plain", "no end", "remark", "CRLF", "BOM", "more keys", "full", "flow", "first"],
)
def test_everything_else_stays_byte_for_byte(text: str) -> None:
    """What is added is one piece; without it the file is the one that was there."""
    before, after = text.encode(), added(text)
    start = next(at for at in range(len(before) + 1) if before[: at + 1] != after[: at + 1])
    tail = len(before) - start
    rest = after[len(after) - tail :] if tail else b""

    assert after[:start] + rest == before
    assert read(after).mapping == read(before).mapping
    assert (b"\r\n" in before) == (b"#   sync: off\r\n" in after)


@pytest.mark.parametrize("text", [WHOLE, FULL, WHOLE.replace("\n", "\r\n")])
def test_second_time_adds_nothing(text: str) -> None:
    """A stub that waits for its decision is not told again."""
    once = added(text)

    assert added(once) == once


def test_only_what_is_not_there_yet_is_added() -> None:
    """One more newcomer adds one more stub."""
    once = added(WHOLE)
    more = Newcomers((*NEW.subscriptions, "Other"), NEW.places)

    assert added(once, more).count(b"sync: off") == once.count(b"sync: off") + 1


def test_pasted_stub_is_refused_until_it_is_filled_in() -> None:
    """Nobody's consent changes because a mark was removed."""
    for stub in stubs(NEW):
        text = WHOLE + "".join(f"  {line}\n" for line in stub)

        assert read(text).mapping is None


def test_filled_in_stub_sends_nothing_yet() -> None:
    """The line is off until somebody decides."""
    (stub,) = stubs(Newcomers((), (Node("ads"),)))
    text = WHOLE + "".join(f"  {line}\n" for line in stub).replace("- id:", "- id: Ads")
    mapping = read(text).mapping

    assert mapping is not None
    assert mapping.lines[-1].sync == "off"


@settings(max_examples=100, deadline=None)
@given(name=st.text(min_size=1, max_size=40))
def test_no_name_breaks_the_file(name: str) -> None:
    """Whatever a platform calls its things, the remarks change nothing."""
    after = with_stubs(WHOLE.encode(), Newcomers((name,), (Node(name),)), day=DAY)

    assert read(after).mapping == read(WHOLE).mapping


def test_file_with_problems_is_left_alone() -> None:
    """Where nobody knows what the file means, nothing is added to it."""
    with pytest.raises(StubError, match="a file with problems"):
        added("name: [")


def test_file_is_exchanged_whole(tmp_path: Path) -> None:
    """Who reads it meanwhile sees the old one or the new one; its rights stay, and links too."""
    (tmp_path / "real").mkdir()
    file, link = tmp_path / "real" / "a.yaml", tmp_path / "a.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)

    assert write_stubs(link, NEW, day=DAY) is True
    assert write_stubs(link, NEW, day=DAY) is False
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in file.parent.iterdir()] == ["a.yaml"]
