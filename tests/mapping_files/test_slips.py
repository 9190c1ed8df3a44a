"""The traps of YAML are named in plain words, all of them at once, beside everything else."""

import pytest

from consent_sync.adapters.mapping_files import Code
from consent_sync.adapters.mapping_files.problems import Place
from tests.mapping_files.samples import FULL, HEAD, LINES, lines, problem, read

WHOLE = HEAD + LINES
NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("text", "code", "place", "found"),
    [
        (
            WHOLE.replace("contact: ", "contact:"),
            Code.SYNTAX,
            Place(2, 8),
            "`contact:` without a space behind it",
        ),
        (
            WHOLE.replace("- id", "-id"),
            Code.SYNTAX,
            Place(10, 3),
            "`-` without a space behind it",
        ),
        (WHOLE.replace("  table", "\ttable"), Code.TABS, Place(7, 1), "a tab that indents"),
        (WHOLE.replace("- id", "-\tid"), Code.TABS, Place(10, 4), "a tab"),
        (WHOLE.replace("Customers", "Customers\t"), Code.TABS, Place(7, 24), "a tab"),
        (
            WHOLE.replace("  table", f"{NBSP} table"),
            Code.INVISIBLE,
            Place(7, 1),
            "an invisible character (U+00A0) that looks like a space",
        ),
        (
            WHOLE.replace("name: ", f"name:{NBSP}", 1),
            Code.INVISIBLE,
            Place(1, 6),
            "an invisible character (U+00A0) that looks like a space",
        ),
        (
            lines("  - id: A\n   value: {channel: email}\n"),
            Code.SYNTAX,
            Place(11, 4),
            "`value` 3 spaces in",
        ),
        (
            lines("  - id: A\n     value: {channel: email}\n"),
            Code.SYNTAX,
            Place(11, 11),
            "`value` 5 spaces in",
        ),
        (
            WHOLE.replace("contact: ", "contact: Team: "),
            Code.SYNTAX,
            Place(2, 14),
            "a second `:` on the line",
        ),
        (
            lines("  - {id: A value: {channel: email}}\n"),
            Code.SYNTAX,
            Place(10, 5),
            "`{` without its end",
        ),
        (
            lines("  - {id: A, value: {channel:email}}\n"),
            Code.UNKNOWN_KEY,
            Place(10, 21),
            "`channel:email` without a space behind the colon",
        ),
        (
            HEAD + "mappings:\n  id: A\n  value: {channel: email}\n",
            Code.WRONG_TYPE,
            Place(10, 3),
            "a block of keys",
        ),
        (
            WHOLE.replace("Customers", "\u201cCustomers\u201d"),
            Code.INVALID_NAME,
            Place(7, 15),
            "`\u201cCustomers\u201d` in curly quotes",
        ),
    ],
)
def test_slip_is_named_in_plain_words(text: str, code: Code, place: Place, found: str) -> None:
    """The message names what is seen on the screen, or cannot be seen, and where."""
    told = problem(text, code)

    assert (told.place, told.found) == (place, found)


@pytest.mark.parametrize("start", ["@", "%", "`"])
def test_text_with_a_reserved_first_letter_wants_quotes(start: str) -> None:
    """The quoted text is shown, ready to copy."""
    told = problem(HEAD.replace("privacy@", f"{start}privacy@") + LINES, Code.SYNTAX)

    assert told.nearest == f"'{start}privacy@example.com'"


def test_slips_hide_no_other_mistake() -> None:
    """The file is read on as if the slips were put right, and everything is told in one run."""
    text = (
        FULL.replace("  entity_id", "\tentity_id")
        .replace("  table_name", "\ttabel_name")
        .replace("  user_unique_key", "\tuser_unique_key")
        .replace("contact: ", "contact:")
        .replace("upsert_mode: false", "upsert_mode: no")
        .replace("id: SportNews", "id: Newsletter")
    )
    found = [(one.code, one.place.line) for one in read(text).problems]

    assert found == [
        (Code.SYNTAX, 2),
        (Code.TABS, 8),
        (Code.TABS, 9),
        (Code.UNKNOWN_KEY, 9),
        (Code.TABS, 10),
        (Code.WRONG_TYPE, 11),
        (Code.DUPLICATE_LINE, 27),
    ]


def test_place_behind_a_slip_is_that_of_the_file_as_it_is() -> None:
    """What was put right for reading does not shift what is said about the rest of the line."""
    told = read(FULL.replace("    sync: two-way", "\tsync: twoway")).problems

    assert [(one.code, one.place) for one in told] == [
        (Code.TABS, Place(25, 1)),
        (Code.WRONG_VALUE, Place(25, 8)),
    ]


def test_line_that_cannot_be_read_hides_no_other_mistake() -> None:
    """It is left out with what stands below it, and nothing is said to be missing for that."""
    text = (
        FULL.replace("  entity_id: acme", "  entity_id: 'acme")
        .replace("  - id: Newsletter", "  - id: [Newsletter")
        .replace("sync: two-way", "sync: twoway")
        .replace("normalise: lower", "normalise: lowre")
        .replace("option:", "optoin:")
    )
    found = [(one.code, one.place.line) for one in read(text).problems]

    assert found == [
        (Code.SYNTAX, 8),
        (Code.WRONG_VALUE, 16),
        (Code.SYNTAX, 22),
        (Code.UNKNOWN_KEY, 31),
    ]


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("contact: Team: privacy", "a second `:` on the line", "'Team: privacy'"),
        ("contact: it's: mine", "a second `:` on the line", "'it''s: mine'"),
        ("contact: @privacy", "a text that starts with `@`", "'@privacy'"),
    ],
)
def test_text_that_wants_quotes_is_shown_with_them(text: str, found: str, expected: str) -> None:
    """What is to be written stands ready to copy."""
    told = problem(WHOLE.replace("contact: privacy@example.com", text), Code.SYNTAX)

    assert (told.found, told.nearest) == (found, expected)


def test_file_that_cannot_be_guessed_at_tells_its_first_error() -> None:
    """Where line after line cannot be read, a hundred errors would help nobody."""
    found = read(WHOLE + "".join(f"{{ {number}\n" for number in range(50))).problems

    assert [one.code for one in found] == [Code.SYNTAX]


def test_huge_nonsense_is_not_judged_for_ever() -> None:
    """After a thousand problems the rest of a file is left alone, however large it is."""
    text = "a: [" + "*a, " * 1_250_000 + "]\n"
    found = read(text).problems

    assert len(found) == 1001
    assert Code.TOO_MANY in {one.code for one in found}


@pytest.mark.parametrize("slip", ["\t", NBSP, "\u2003"])
@pytest.mark.parametrize("number", range(len(FULL.splitlines())))
def test_slip_on_any_line_is_found_and_puts_nothing_in_force(slip: str, number: int) -> None:
    """A line that starts with what is no space is always told, or means the same."""
    file = FULL.splitlines()
    file[number] = slip + file[number].lstrip()
    reading = read("\n".join(file))
    told = {one.place.line for one in reading.problems}

    assert number + 1 in told if reading.mapping is None else not told


@pytest.mark.parametrize("key", ["name", "contact", "id", "value", "entity_id", "sync"])
def test_colon_without_its_space_is_found_on_every_key(key: str) -> None:
    """The commonest slip of all names its line."""
    file = FULL.replace("value:\n      channel: email", "value: {channel: email}")
    text = file.replace(f"{key}: ", f"{key}:", 1)
    changed = zip(file.splitlines(), text.splitlines(), strict=True)
    number = next(at for at, (old, new) in enumerate(changed, 1) if old != new)

    assert [one.place.line for one in read(text).problems] == [number]


@pytest.mark.parametrize("word", ["no", "Yes", "on", "OFF"])
def test_name_that_other_programs_read_as_a_truth_value_is_pointed_out(word: str) -> None:
    """It is text here, and a reader who is not sure puts quotes around it."""
    bare = read(lines(f"  - {{id: {word}, value: {{channel: email}}}}\n"))
    quoted = read(lines(f"  - {{id: '{word}', value: {{channel: email}}}}\n"))

    assert bare.problems == ()
    assert [(one.code, one.nearest) for one in bare.warnings] == [(Code.BARE_WORD, f"'{word}'")]
    assert quoted.warnings == ()


def test_switching_a_line_off_is_no_trap() -> None:
    """`sync: off` is a word that the key has."""
    text = lines("  - {id: A, value: {channel: email}, sync: off}\n")

    assert read(text).warnings == ()


@pytest.mark.parametrize("word", ["no", "false"])
def test_no_in_place_of_off_is_answered_with_off(word: str) -> None:
    """Whoever writes no to `sync` means off, and has to say so."""
    (told,) = read(lines(f"  - {{id: A, value: {{channel: email}}, sync: {word}}}\n")).problems

    assert told.nearest == "off"
