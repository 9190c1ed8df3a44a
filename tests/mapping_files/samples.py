"""A valid mapping file to spoil, and short ways to read one."""

from consent_sync.adapters.mapping_files import Code, FileReading, Problem, read_mapping
from consent_sync.domain.mapping import Mapping

HEAD = """\
name: brand-a
contact: privacy@example.com
didomi:
  organization_id: acme
actito:
  entity_id: acme
  table_name: Customers
  user_unique_key: customerId
"""

LINES = """\
mappings:
  - id: Newsletter
    value: {channel: email}
"""

FULL = """\
name: brand-a
contact: privacy@example.com
account: brand-a
didomi:
  organization_id: acme
  regulations: [gdpr]
actito:
  entity_id: acme
  table_name: Customers
  user_unique_key: customerId
upsert_mode: false
create_for: any
create_in_didomi: false
enable_webhooks: true
identity:
  normalise: lower
attributes:
  allow: [brand, tier]
  rename:
    tier: loyaltyTier
mappings:
  - id: Newsletter
    value:
      channel: email
    sync: two-way
    inverted: false
  - id: SportNews
    value:
      purpose: marketing
      preference: topics
      option: sport
"""


def read(text: str | bytes) -> FileReading:
    return read_mapping("brand-a.yaml", text if isinstance(text, bytes) else text.encode())


def mapping(text: str | bytes) -> Mapping:
    reading = read(text)
    assert reading.mapping is not None, reading.problems
    return reading.mapping


def problems(text: str | bytes, code: Code) -> list[Problem]:
    return [problem for problem in read(text).problems if problem.code is code]


def problem(text: str | bytes, code: Code) -> Problem:
    """Return the one problem of the file, which must be of this code."""
    found = read(text).problems
    assert [one.code for one in found] == [code], found
    return found[0]


def lines(text: str) -> str:
    """Return a file with these lines."""
    return HEAD + "mappings:\n" + text
