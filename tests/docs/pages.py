"""Reads the project's pages: where they are, what they link to, what they name."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
