"""The file that keeps redactions apart from the database: a line that says whose they are, then one for each.

It holds no text that was erased, only keyed fingerprints; but with its key, so it is its owner's only.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.redaction import Identity, Redaction
from services.errors import UserError


@dataclass(frozen=True)
class Kept:
    """The redactions of one installation and the key of their fingerprints."""

    installation: str
    key: bytes
    redactions: tuple[Redaction, ...] = ()

    def with_more(self, others: Iterable[Redaction]) -> "Kept":
        """These and those of the others that are not among them."""
        all_of_them = {
            (one.identity, one.fingerprint): one for one in (*reversed(tuple(others)), *self.redactions)
        }
        ordered = sorted(all_of_them.values(), key=lambda one: (one.redacted_at, one.fingerprint))
        return replace(self, redactions=tuple(ordered))


def read_file(path: Path) -> Kept | None:
    """What the file holds, None where there is none. Raises `UserError` when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the redactions in {path} cannot be read: {error}") from None
    try:
        first, *rest = [json.loads(line) for line in lines if line.strip()]
        key = bytes.fromhex(first["key"])
        return Kept(first["installation"], key, tuple(_redaction(entry) for entry in rest))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged ({type(error).__name__}: {error}): put a copy of it back. "
            "What the database knows was erased stays so; without the file a restore may bring text back."
        ) from None


def write_file(path: Path, kept: Kept) -> None:
    """Replace the file at once and durably; nothing is written when it says this already.

    Raises `UserError` when it cannot be written.
    """
    text = "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in _entries(kept))
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise UserError(
            f"the redactions cannot be written to {path}: {error.strerror}; nothing was erased"
        ) from None


def _entries(kept: Kept) -> Iterable[dict[str, Any]]:
    yield {"installation": kept.installation, "key": kept.key.hex()}
    for one in kept.redactions:
        yield {
            "at": one.redacted_at.astimezone(UTC).isoformat(),
            "identity": one.identity,
            "fingerprint": one.fingerprint.hex(),
            "why": one.why,
            "field": one.field_name,
            "reject": one.reject_no,
        }


def _redaction(entry: dict[str, Any]) -> Redaction:
    identity = None if entry["identity"] is None else Identity(*entry["identity"])
    fingerprint = bytes.fromhex(entry["fingerprint"])
    at = datetime.fromisoformat(entry["at"])
    return Redaction(fingerprint, at, identity, entry["why"], entry.get("field"), entry.get("reject"))
