"""What a configuration of the hosted connector says, as far as a mapping file can say it too."""

from dataclasses import dataclass, field

from consent_sync.adapters.mapping_files.problems import Place
from consent_sync.domain.consent import Node


@dataclass(frozen=True, slots=True)
class HostedLine:
    """One mapped subscription: the path it was mapped to, and every node that path can mean.

    `place` is where the path stands in the configuration.
    """

    id: str
    path: str
    nodes: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration without its secrets; an empty text is something that it does not say.

    `secrets` names the keys that hold one, `left_out` says in sentences what is not carried over.
    """

    lines: tuple[HostedLine, ...]
    entity_id: str = ""
    table_name: str = ""
    user_unique_key: str = ""
    organization_id: str = ""
    upsert_mode: bool = False
    enable_webhooks: bool = False
    renames: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
