"""The file of a backup: read as it was written, or not at all."""

import gzip
import io
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.backup.archive import PART_BYTES, Archive, Broken, Manifest, write_archive
from services.errors import UserError
from services.store.backup import Facts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TABLES = {"leaf": ["leaf_no", "team"], "empty": ["a"], "rollup_day": ["leaf_no", "day"]}
MANIFEST = Manifest(
    groenmeter="0.1.0",
    facts=Facts(
        "groenmeter", NOW, "an id", 7, NOW, 3, {"0001_first.sql": "00"}, TABLES, {"leaf_no": 5, "b": None}
    ),
)
LEAVES = [b"1\tkeuken\n", b"2\tok-centrum\n"]
DAYS = [b"1\t2026-01-01\n"]


def written(leaves: Sequence[bytes] = LEAVES, manifest: Manifest = MANIFEST) -> bytes:
    file = io.BytesIO()
    write_archive(file, manifest, [("leaf", leaves), ("empty", []), ("rollup_day", DAYS)])
    return file.getvalue()


def read(content: bytes) -> dict[str, bytes]:
    tables: dict[str, bytes] = {}
    for table, rows in Archive(io.BytesIO(content)).parts():
        tables[table] = tables.get(table, b"") + rows
    return tables


def test_it_is_read_as_it_was_written() -> None:
    content = written()

    assert Archive(io.BytesIO(content)).manifest == MANIFEST
    assert read(content) == {"leaf": b"".join(LEAVES), "rollup_day": b"".join(DAYS)}


def test_it_counts_rows() -> None:
    manifest_and_rows = write_archive(
        io.BytesIO(), MANIFEST, [("leaf", LEAVES), ("empty", []), ("rollup_day", DAYS)]
    )
    assert manifest_and_rows == {"leaf": 2, "empty": 0, "rollup_day": 1}


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 40))
def test_rows_of_any_number_and_length(lines: list[bytes], repeated: int) -> None:
    leaves = [line.replace(b"\n", b"") * repeated + b"\n" for line in lines]
    assert read(written(leaves)).get("leaf", b"") == b"".join(leaves)


def test_a_large_table_is_never_held_as_a_whole() -> None:
    line = b"x" * 99_999 + b"\n"
    parts = [rows for table, rows in Archive(io.BytesIO(written([line] * 35))).parts() if table == "leaf"]

    assert b"".join(parts) == line * 35
    assert max(map(len, parts)) < PART_BYTES + len(line)


def test_other_programs_read_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(written())
    subprocess.run(["tar", "--extract", "--gzip", "--file", "file"], cwd=tmp_path, check=True)

    assert b"".join(path.read_bytes() for path in sorted(tmp_path.glob("tables/leaf/*"))) == b"".join(LEAVES)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_half_a_file_is_none(share: float) -> None:
    content = written([b"%d\tkeuken\n" % number for number in range(20_000)])
    with pytest.raises(Broken):
        read(content[: int(len(content) * share)])


def test_a_file_whose_last_entry_is_gone_is_none() -> None:
    """Cut where an entry ends, and made a whole gzip again."""
    plain = gzip.decompress(written())
    cut = plain.index(b"end.json")
    with pytest.raises(Broken, match="ends too early"):
        read(gzip.compress(plain[:cut] + bytes(10240)))


def test_a_changed_row_is_noticed() -> None:
    plain = gzip.decompress(written())
    with pytest.raises(Broken, match="not those that were written"):
        read(gzip.compress(plain.replace(b"keuken", b"kaukan")))


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"not tar"), gzip.compress(bytes(10240))],
    ids=["empty", "not gzip", "not tar", "empty tar"],  # gzip's own bytes hold the time
)
def test_another_file_is_none(content: bytes) -> None:
    with pytest.raises(Broken, match="no whole backup of Groenmeter"):
        read(content)


def test_a_later_format_is_told_apart() -> None:
    with pytest.raises(UserError, match="has format 2"):
        read(written(manifest=MANIFEST.model_copy(update={"format": 2})))
