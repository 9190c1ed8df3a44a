"""The tests that a privacy team writes beside a mapping, read and checked like the mapping itself."""

from consent_sync.adapters.trial_files.model import (
    Expected,
    Given,
    Happening,
    Trial,
    TrialFile,
)
from consent_sync.adapters.trial_files.reading import read_trials, trials_path

__all__ = [
    "Expected",
    "Given",
    "Happening",
    "Trial",
    "TrialFile",
    "read_trials",
    "trials_path",
]
