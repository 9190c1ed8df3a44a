"""Lets `python -m consent_sync` do what the `consent-sync` command does."""

from consent_sync.cli.main import main

if __name__ == "__main__":
    main()
