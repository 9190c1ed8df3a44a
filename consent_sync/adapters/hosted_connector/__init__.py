"""The hosted connector's configuration: read as it was published, and written as a mapping file."""

from consent_sync.adapters.hosted_connector.configuration import Configuration, HostedLine
from consent_sync.adapters.hosted_connector.reading import Imported, KnownIds, read_configuration
from consent_sync.adapters.hosted_connector.writing import mapping_text

__all__ = [
    "Configuration",
    "HostedLine",
    "Imported",
    "KnownIds",
    "mapping_text",
    "read_configuration",
]
