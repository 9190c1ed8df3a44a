"""The mapping files: YAML that the privacy team edits, read, checked and watched."""

from consent_sync.adapters.mapping_files.files import FileReading, read_file, read_mapping
from consent_sync.adapters.mapping_files.folder import (
    Change,
    FolderReading,
    MappingFolder,
    Reload,
    is_mapping_file,
    read_folder,
)
from consent_sync.adapters.mapping_files.json_schema import json_schema
from consent_sync.adapters.mapping_files.problems import Code, Problem

__all__ = [
    "Change",
    "Code",
    "FileReading",
    "FolderReading",
    "MappingFolder",
    "Problem",
    "Reload",
    "is_mapping_file",
    "json_schema",
    "read_file",
    "read_folder",
    "read_mapping",
]
