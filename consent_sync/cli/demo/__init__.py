"""The demo: the real program between two simulated platforms, telling a story that checks itself."""

from consent_sync.cli.demo.command import command

__all__ = ["command"]
