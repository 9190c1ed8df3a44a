"""`consent-sync doctor`: looks at everything that has to be right, and says what to do."""

from consent_sync.cli.doctor.command import command

__all__ = ["command"]
