"""Everything that can be wrong with one mapping file is said, with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.mapping_files import Code
from consent_sync.adapters.mapping_files.problems import Place
from consent_sync.adapters.mapping_files.text import MAX_BYTES
from tests.mapping_files.samples import FULL, HEAD, LINES, lines, problem, problems, read


def test_every_mistake_of_a_file_is_told_in_one_run() -> None:
    """Nobody corrects a file one message at a time."""
    text = (
        FULL.replace("name: brand-a", "name: brand a")
        .replace("upsert_mode: false", "upsert_mode: no")
        .replace("lower", "lowre")
        .replace("id: SportNews", "id: Newsletter")
        .replace("option:", "optoin:")
    )
    found = [(one.code, one.place.line) for one in read(text).problems]

    assert found == [
        (Code.INVALID_NAME, 1),
        (Code.WRONG_TYPE, 11),
        (Code.WRONG_VALUE, 16),
        (Code.DUPLICATE_LINE, 27),
        (Code.UNKNOWN_KEY, 31),
    ]


def test_problem_says_where_what_and_what_instead() -> None:
    """A message leads to the spot and to the repair."""
    found = problem(FULL.replace("table_name", "tabel_name"), Code.UNKNOWN_KEY)

    assert found.where == "brand-a.yaml:9:3"
    assert found.text == "  tabel_name: Customers"
    assert found.nearest == "table_name"
    assert str(found) == (
        "brand-a.yaml:9:3: found the unknown key `tabel_name`, expected only entity_id, "
        "table_name, user_unique_key inside `actito`; did you mean `table_name`? "
        "[mapping-unknown-key]"
    )


KEYS = [
    (number, line.split(":")[0].strip(" -"))
    for number, line in enumerate(FULL.splitlines(), 1)
    if ":" in line and "tier: loyaltyTier" not in line
]


def typos(key: str) -> list[str]:
    """Return the key with each letter dropped, doubled, swapped with the next, or replaced."""
    spots = range(len(key))
    dropped = [key[:i] + key[i + 1 :] for i in spots] if len(key) > 2 else []
    doubled = [key[:i] + key[i] + key[i:] for i in spots]
    swapped = [key[:i] + key[i + 1] + key[i] + key[i + 2 :] for i in spots[:-1]]
    replaced = [key[:i] + "q" + key[i + 1 :] for i in spots]
    return sorted({*dropped, *doubled, *swapped, *replaced, key.upper(), f"{key}s"} - {key})


@pytest.mark.parametrize(("number", "key"), KEYS, ids=[f"{key}-{n}" for n, key in KEYS])
def test_every_typo_in_every_key_is_found_and_repaired(number: int, key: str) -> None:
    """A misspelled key never passes silently, and the message names its line and the right word."""
    for typo in typos(key):
        file = FULL.splitlines()
        file[number - 1] = file[number - 1].replace(f"{key}:", f"{typo}:", 1)
        found = [one for one in read("\n".join(file)).problems if one.place.line == number]

        assert [(one.code, one.nearest) for one in found] == [(Code.UNKNOWN_KEY, key)], typo


WRONG = [
    "",
    "~",
    "12",
    "1e3",
    "2024-05-01",
    "true",
    "yes",
    '""',
    "[a, [b]]",
    "{a: b}",
    "*a",
    "&a b",
]
SCALARS = [(number, key) for number, key in KEYS if FULL.splitlines()[number - 1].split(": ")[1:]]
TRUTHS = {"upsert_mode", "create_in_didomi", "enable_webhooks", "inverted"}


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(("number", "key"), SCALARS, ids=[f"{key}-{n}" for n, key in SCALARS])
def test_every_wrong_kind_of_value_is_found_at_every_key(number: int, key: str, value: str) -> None:
    """A value of another type never passes silently, and the message names its line."""
    file = FULL.splitlines()
    start = file[number - 1].split(": ")[0]
    file[number - 1] = f"{start}: {value}"
    reading = read("\n".join(file))
    right = value == "true" if key in TRUTHS else value == "yes" and reading.warnings

    assert (reading.mapping is not None) == bool(right)
    assert right or number in {one.place.line for one in reading.problems}


@pytest.mark.parametrize(
    ("key", "known"), [("entity_id", "actito.entity_id"), ("normalise", "identity.normalise")]
)
def test_key_in_the_wrong_block_is_sent_to_its_own(key: str, known: str) -> None:
    """A key that exists elsewhere is not called a typo."""
    found = problem(HEAD + LINES + f"{key}: lower\n", Code.UNKNOWN_KEY)

    assert found.nearest == known


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "contact",
        "didomi",
        "actito",
        "organization_id",
        "entity_id",
        "table_name",
        "user_unique_key",
    ],
)
def test_missing_key_is_named(key: str) -> None:
    """A file without a required key says which one and what it is for."""
    kept, inside = [], False
    for line in HEAD.splitlines(keepends=True):
        inside = line.strip().startswith(f"{key}:") or (
            key in {"didomi", "actito"} and inside and line.startswith(" ")
        )
        if not inside:
            kept.append(line)
    text = "".join(kept).replace("didomi:\nactito", "didomi: {}\nactito")
    found = problem(text + LINES, Code.MISSING_KEY)

    assert f"no key `{key}`" in found.found
    assert found.place.line > 0


@pytest.mark.parametrize(
    ("value", "found", "nearest"),
    [
        ("no", "the text `no`", "false"),
        ("yes", "the text `yes`", "true"),
        ("ON", "the text `ON`", "true"),
        ('"true"', "the text `true`", "true"),
        ("flase", "the text `flase`", "false"),
        ("1", "the number `1`", ""),
        ("2024-05-01", "the date `2024-05-01`", ""),
        ("[true]", "a list", ""),
        ("{a: b}", "a block of keys", ""),
        ("", "nothing", ""),
        ("~", "nothing", ""),
    ],
)
def test_what_is_no_truth_value_is_called_by_its_name(value: str, found: str, nearest: str) -> None:
    """Wrong types are explained in plain words, with the value that was probably meant."""
    told = problem(HEAD + f"upsert_mode: {value}\n" + LINES, Code.WRONG_TYPE)

    assert (told.place.line, told.found, told.expected) == (9, found, "true or false")
    assert told.nearest == nearest


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2024-05-01", "the date `2024-05-01`"),
        ("007", "the number `007`"),
        ("true", "`true`"),
    ],
)
def test_name_that_yaml_takes_for_something_else_wants_quotes(value: str, found: str) -> None:
    """A name stays as it was written, so what YAML would change is refused."""
    told = problem(lines(f"  - id: {value}\n    value: {{channel: email}}\n"), Code.WRONG_TYPE)

    assert (told.found, told.nearest) == (found, f"'{value}'")


def test_single_word_where_a_list_belongs() -> None:
    """The list that was probably meant is shown."""
    told = problem(FULL.replace("[gdpr]", "gdpr"), Code.WRONG_TYPE)

    assert told.nearest == "[gdpr]"


@pytest.mark.parametrize(
    ("old", "new", "nearest"),
    [
        ("sync: two-way", "sync: twoway", "two-way"),
        ("sync: two-way", "sync: to-aktito", "to-actito"),
        ("create_for: any", "create_for: grant", "granted"),
        ("normalise: lower", "normalise: sha-256", "sha256"),
    ],
)
def test_unknown_word_is_answered_with_the_nearest_one(old: str, new: str, nearest: str) -> None:
    """Keys with fixed words list them all and point to the likely one."""
    told = problem(FULL.replace(old, new), Code.WRONG_VALUE)

    assert told.nearest == nearest
    assert told.expected.startswith("one of ")


@pytest.mark.parametrize("truth", ["false", "true"])
def test_sync_is_a_word_and_not_a_truth_value(truth: str) -> None:
    """`sync: false` is refused; that it should be switched off is only suggested."""
    told = problem(FULL.replace("sync: two-way", f"sync: {truth}"), Code.WRONG_TYPE)

    assert told.nearest == ("off" if truth == "false" else "")


@pytest.mark.parametrize(
    "name", ["brand a", "brand_a", "-brand", "märz", "a/b", '""', "a" * 65, '"a\\n"']
)
def test_mapping_name_fits_into_addresses(name: str) -> None:
    """Only letters, digits and - make a name."""
    told = problem(HEAD.replace("brand-a", name, 1) + LINES, Code.INVALID_NAME)

    assert told.place == Place(1, 7)


@pytest.mark.parametrize("name", ['" Newsletter"', '"a\\tb"', '"a\\u200bb"', '""', "x" * 256])
def test_subscription_name_has_no_invisible_parts(name: str) -> None:
    """A name that would never match for a reason nobody sees is refused."""
    problem(lines(f"  - id: {name}\n    value: {{channel: email}}\n"), Code.INVALID_NAME)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("{}", "one of {channel}"),
        ("{preference: topics}", "purpose beside the preference"),
        ("{option: sport}", "purpose and preference beside the option"),
        ("{purpose: m, option: sport}", "preference beside the option"),
        ("{purpose: m, preference: t, option: s, channel: c}", "either an option or a channel"),
    ],
)
def test_selector_that_is_no_place_is_refused(selector: str, expected: str) -> None:
    """Parts that do not make a place in Didomi's tree are answered with what is missing."""
    told = problem(lines(f"  - id: A\n    value: {selector}\n"), Code.SELECTOR)

    assert told.expected.startswith(expected)


def test_option_with_a_comma_is_refused() -> None:
    """Didomi joins options by commas, so a comma belongs to no option."""
    text = lines("  - id: A\n    value: {purpose: m, preference: t, option: 'a,b'}\n")

    assert problem(text, Code.INVALID_NAME).place == Place(11, 48)


def test_two_lines_for_one_subscription_are_refused() -> None:
    """Two lines would overwrite each other, so the second one is told about the first."""
    told = problem(
        lines("  - {id: A, value: {channel: sms}}\n  - {id: A, value: {channel: email}}\n"),
        Code.DUPLICATE_LINE,
    )

    assert told.place == Place(11, 10)
    assert "line 10" in told.found


def test_same_choice_with_both_meanings_is_refused() -> None:
    """One yes cannot mean subscribed on one line and unsubscribed on another."""
    told = problem(
        lines(
            "  - {id: A, value: {purpose: partners}}\n"
            "  - {id: B, value: consents_purposes_partners_enabled, inverted: true}\n"
        ),
        Code.OPPOSITE_LINES,
    )

    assert told.place.line == 11
    assert "line 10" in told.found


def test_same_choice_may_feed_two_subscriptions() -> None:
    """Two lines with one meaning agree with each other."""
    text = lines("  - {id: A, value: {purpose: p}}\n  - {id: B, value: {purpose: p}}\n")

    assert read(text).problems == ()


@pytest.mark.parametrize(
    ("attributes", "where"),
    [
        ("{allow: [a], deny: [b]}", "`deny` beside `allow`"),
        ("{rename: {a: x, b: x}}", "`x` as a new name"),
        ("{allow: [a, b], rename: {a: b}}", "`b` as a new name"),
        ("{rename: {a: customerId}}", "`customerId` as a new name"),
        ("{rename: {a: profileId}}", "`profileId` as a new name"),
    ],
)
def test_attribute_rules_that_overwrite_something_are_refused(attributes: str, where: str) -> None:
    """No two keys fill one attribute, and none fills the key of the profile."""
    told = problem(HEAD + f"attributes: {attributes}\n" + LINES, Code.ATTRIBUTES)

    assert told.found.startswith(where)


def test_names_may_be_swapped() -> None:
    """Two keys that exchange their names do not overwrite each other."""
    text = HEAD + "attributes: {allow: [a, b], rename: {a: b, b: a}}\n" + LINES

    assert read(text).problems == ()


def test_regulations_need_one_entry() -> None:
    """A mapping that accepts no regulation would do nothing, silently."""
    assert problem(FULL.replace("[gdpr]", "[]"), Code.EMPTY_LIST).expected == "at least one entry"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("  - {id: A, value: {purpose: p, preference: t}}\n", Code.PREFERENCE_ALONE),
        (
            "  - {id: A, value: {purpose: p}}\nattributes: {allow: [a], rename: {b: c}}\n",
            Code.WITHOUT_EFFECT,
        ),
        (
            "  - {id: A, value: {purpose: p}}\nattributes: {deny: [b], rename: {b: c}}\n",
            Code.WITHOUT_EFFECT,
        ),
        (
            "  - {id: A, value: {purpose: p}, sync: to-didomi}\nenable_webhooks: false\n",
            Code.WITHOUT_EFFECT,
        ),
        (
            "  - {id: A, value: {purpose: p}}\nupsert_mode: true\nidentity: {normalise: sha256}\n",
            Code.WITHOUT_EFFECT,
        ),
    ],
)
def test_odd_but_possible_content_only_warns(line: str, code: Code) -> None:
    """What may be meant is used, and its reader is told."""
    reading = read(lines(line))

    assert reading.problems == ()
    assert [one.code for one in reading.warnings] == [code]


def test_unknown_regulation_only_warns() -> None:
    """Didomi's list of regulations is open; a likely slip is pointed out."""
    reading = read(FULL.replace("[gdpr]", "[gdpr, gdrp]"))

    assert reading.problems == ()
    assert [(one.code, one.nearest) for one in reading.warnings] == [
        (Code.UNKNOWN_REGULATION, "gdpr")
    ]


def test_regulation_in_capitals_is_refused() -> None:
    """Didomi writes regulations in lower case, and comparing is exact."""
    problem(FULL.replace("[gdpr]", "[GDPR]"), Code.INVALID_NAME)


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("", Code.EMPTY, "brand-a.yaml"),
        ("# nothing yet\n", Code.EMPTY, "brand-a.yaml"),
        ("- a\n", Code.WRONG_TYPE, "brand-a.yaml:1:1"),
        ("just words\n", Code.WRONG_TYPE, "brand-a.yaml:1:1"),
        (HEAD + "---\n" + HEAD, Code.DOCUMENTS, "brand-a.yaml:9:1"),
        ("%YAML 1.1\n---\n" + HEAD, Code.SYNTAX, "brand-a.yaml:1:1"),
        ("name: 'brand\n", Code.SYNTAX, "brand-a.yaml:1:7"),
        (HEAD + "mappings:\n  - {id: A,\n", Code.SYNTAX, "brand-a.yaml:10:1"),
        (HEAD + "mappings:\n  - {id: A,\n    value: B\n", Code.SYNTAX, "brand-a.yaml:10:5"),
        ("name: [a\n", Code.SYNTAX, "brand-a.yaml:1:7"),
        ("name: \x07\n", Code.ENCODING, "brand-a.yaml:1:7"),
        (b"name: caf\xe9\r\n", Code.ENCODING, "brand-a.yaml:1:10"),
        (b"\xef\xbb\xbfname: caf\xe9\n", Code.ENCODING, "brand-a.yaml:1:10"),
        ("name: a\n".encode("utf-16"), Code.ENCODING, "brand-a.yaml"),
        ("a: " + "[" * 5000, Code.TOO_DEEP, "brand-a.yaml:1:16"),
        (b"#" * (MAX_BYTES + 1), Code.TOO_LARGE, "brand-a.yaml"),
    ],
)
def test_file_that_cannot_be_read_says_why(text: str | bytes, code: Code, where: str) -> None:
    """Broken form is reported like any other mistake, and nothing is guessed."""
    assert problem(text, code).where == where


def test_all_tabs_are_shown_at_once() -> None:
    """A file indented by tabs is repaired in one go."""
    found = problems("didomi:\n\torganization_id: a\nactito:\n\tentity_id: b\n", Code.TABS)

    assert [one.place.line for one in found] == [2, 4]


def test_anchors_and_aliases_are_refused() -> None:
    """Nothing multiplies itself, and every value stands where it counts."""
    found = problems(
        HEAD.replace("acme", "&a acme", 1).replace(": acme", ": *a") + LINES, Code.ALIAS
    )

    assert [(one.place, one.found) for one in found] == [
        (Place(4, 20), "the anchor `&a`"),
        (Place(6, 14), "the alias `*a`"),
    ]


def test_laughing_file_is_refused_at_once() -> None:
    """Aliases inside aliases are counted, never followed."""
    rounds = "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9)}]\n" for i in range(1, 30))

    assert len(problems("x0: &x0 [lol]\n" + rounds, Code.ALIAS)) == 30 + 29 * 9


def test_tags_are_refused() -> None:
    """A value is what it looks like."""
    found = problem(HEAD.replace("acme", "!!str 12", 1) + LINES, Code.TAG)

    assert found.found == "the tag `!!str`"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("contact:", "name: x\ncontact:", 2),
        ("  table_name:", "  entity_id: x\n  table_name:", 7),
        ("    value:", "    id: B\n    value:", 11),
    ],
)
def test_key_given_twice_is_refused(old: str, new: str, line: int) -> None:
    """The second of two equal keys never wins silently, wherever it stands."""
    found = problem((HEAD + LINES).replace(old, new, 1), Code.DUPLICATE_KEY)

    assert found.place.line == line


def test_list_as_a_key_is_refused() -> None:
    """A key is a plain word."""
    assert problems(HEAD + LINES + "? [a]\n: b\n", Code.KEY)[0].place == Place(12, 3)


def test_problems_show_no_control_characters() -> None:
    """What a file holds cannot play with the terminal of its reader."""
    found = read(HEAD + '"a\\e[31m": b\n' + LINES + "x\x85y: 1\n").problems

    assert all(one.text.isprintable() and one.sentence.isprintable() for one in found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_spoiled_file_is_answered_and_never_raises(data: st.DataObject) -> None:
    """Whatever the bytes, there is either a mapping or a list of problems."""
    whole = FULL.encode()
    at = data.draw(st.integers(0, len(whole)))
    piece = data.draw(
        st.binary(max_size=6) | st.sampled_from([b"\t", b"%", b"&a ", b"*", b"{", b"'"])
    )
    reading = read(whole[:at] + piece + whole[at + data.draw(st.integers(0, 8)) :])

    assert (reading.mapping is None) == bool(reading.problems)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(FULL)))
def test_half_a_file_never_misses_what_is_required(at: int) -> None:
    """A file cut off while it is written is refused until all required parts are there."""
    reading = read(FULL[:at])

    assert reading.mapping is None or FULL[:at].count("- id:") >= 1
