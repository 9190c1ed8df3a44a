"""What `audit` and `sweep` share: one comparison of everybody, with its progress on a terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consent_sync.adapters.notebook import SqliteNotebook
    from consent_sync.app.settings import Settings
    from consent_sync.domain.mapping import Mapping
    from consent_sync.services.comparison import OnFound
    from consent_sync.services.scan import Progress


async def compare(
    settings: "Settings",
    mappings: "list[Mapping]",
    notebook: "SqliteNotebook",
    export: Path | None,
    share: float | None,
    on_found: "OnFound | None" = None,
) -> "Progress":
    """Compare from where the notebook is; raises what looking and `on_found` raise."""
    import gc

    import aiohttp

    from consent_sync.adapters.clock import SystemClock
    from consent_sync.adapters.export_file import read_export
    from consent_sync.app.bootstrap import eyes_of, platforms
    from consent_sync.app.sparing import sparing
    from consent_sync.cli.surroundings import reader_of
    from consent_sync.services.comparison import Comparison

    clock = SystemClock()
    more = {} if on_found is None else {"on_found": on_found}
    part = settings.sweep_share if share is None else share
    cheap = None if export is None else await read_export(export, mappings[0])
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            actito, didomi = platforms(sparing(settings, part), session, clock)
            eyes = eyes_of(settings, reader_of(settings), didomi, actito, clock, cheap=cheap)
            # What is there by now stays; looking through it again and again costs a tenth.
            gc.freeze()
            gc.set_threshold(50_000, 50, 50)
            return await Comparison(eyes, mappings, notebook, on_page=_show_progress, **more).run()
    finally:
        if cheap is not None:
            cheap.close()


async def _show_progress(progress: "Progress") -> None:
    if sys.stderr.isatty():
        counts = [place.counts for place in progress.places.values()]
        compared = sum(one.compared for one in counts)
        differing = sum(one.differing for one in counts)
        sys.stderr.write(f"\r{compared} compared, {differing} differ")
        sys.stderr.flush()
