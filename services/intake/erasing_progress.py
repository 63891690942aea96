"""How far erasing came in the spool of a directory: a file beside it, where `redact` looks."""

from pathlib import Path

_FILE = "erased"


def erased_up_to(directory: Path) -> int:
    """The newest redaction that the spool in a directory follows; 0 when there was none yet."""
    try:
        return int((directory / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def note_erased_up_to(directory: Path, redaction: int) -> None:
    """Say that the spool in a directory follows the redactions up to this one."""
    (directory / _FILE).write_text(str(redaction), encoding="utf-8")
