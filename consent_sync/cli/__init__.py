"""Commands for people."""

from consent_sync.cli.main import main

__all__ = ["main"]
