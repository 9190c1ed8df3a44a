"""What a process has open, by kind: files, sockets to whom, and everything else."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CALLERS: Final = "sockets from callers"
"""As many as the callers keep open."""

_LISTENING: Final = "0A"
_LEFT: Final = "08"
"""The other end has closed it, we have not: the state CLOSE_WAIT."""


def open_handles(pid: int, port: int, platforms: Mapping[int, str]) -> Counter[str]:
    """Count by kind what a process has open that listens on `port`; raises OSError when it is gone.

    `platforms` names the ports that it calls.
    """
    sockets, found = _sockets(pid), Counter[str]()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(handle.readlink())
        except FileNotFoundError:
            # Closed since the folder was listed.
            continue
        if not target.startswith("socket:["):
            found["files" if Path(target).is_file() else "others"] += 1
            continue
        ours, theirs, state = sockets.get(target[8:-1], (0, 0, ""))
        if state == _LEFT:
            found["sockets that the other end has left"] += 1
        elif ours == port:
            found["others" if state == _LISTENING else CALLERS] += 1
        else:
            found[f"sockets to {platforms.get(theirs, 'others')}"] += 1
    return found


def _sockets(pid: int) -> dict[str, tuple[int, int, str]]:
    """Return own port, the other end's port and the state of every TCP socket, by inode."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return {
        words[9]: (_port(words[1]), _port(words[2]), words[3]) for words in map(str.split, lines)
    }


def _port(address: str) -> int:
    return int(address.partition(":")[2], 16)
