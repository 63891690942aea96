"""The file of a backup: a gzipped tar of a manifest and each table's rows, as PostgreSQL's COPY writes them.

Not what `pg_dump` writes: with TimescaleDB that can be restored only by a superuser, and only where the very
same version of TimescaleDB is. Here are rows only, and the migrations make the tables: so a database can also
move to another server, edition or version. Standard tools read it:

    tar --extract --gzip --file FILE
    cat tables/leaf/* | psql --command "COPY leaf (COLUMNS OF THE MANIFEST) FROM STDIN"
"""

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from services.errors import UserError
from services.store.backup import Facts

FORMAT = 1
PART_BYTES = 1_000_000
COMPRESSION = 4  # half the time of the usual 6 for files a tenth larger
MANIFEST = "manifest.json"
END = "end.json"
TABLES = "tables/"


class Manifest(BaseModel):
    """The first entry: which Groenmeter wrote the backup, and of what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    groenmeter: str
    facts: Facts


class Part(NamedTuple):
    """Some whole rows of a table."""

    table: str
    rows: bytes


class End(BaseModel):
    """The last entry: how many rows each table has, and the SHA-256 of all that stands before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: dict[str, int]
    sha256: str


class Broken(UserError):
    """The file is no backup, or not a whole one."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The file is no whole backup of Groenmeter: {why}.")


def write_archive(
    file: BinaryIO, manifest: Manifest, tables: Iterable[tuple[str, Iterable[bytes | bytearray | memoryview]]]
) -> dict[str, int]:
    """Write a backup; `tables` gives each table of the manifest with its rows.

    Returns how many rows each has.
    """
    rows: dict[str, int] = {}
    digest = hashlib.sha256()
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=COMPRESSION) as zipped,
        tarfile.open(fileobj=zipped, mode="w|") as archive,
    ):

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mtime = int(manifest.facts.now.timestamp())
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(content))
            digest.update(content)

        add(MANIFEST, manifest.model_dump_json(indent=1).encode())
        for table, lines in tables:
            rows[table] = 0
            for number, part in enumerate(_parts(lines), 1):
                rows[table] += part.count(b"\n")  # one within a value is written as \n
                add(f"{TABLES}{table}/{number:07}", part)
        add(END, End(rows=rows, sha256=digest.hexdigest()).model_dump_json(indent=1).encode())
    return rows


class Archive:
    """A backup that is read once, from its beginning to its end.

    Raises `Broken` where it is no backup, is cut off, or was changed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._digest = hashlib.sha256()
        self._entries = self._read(file)
        name, content = next(self._entries, ("", b""))
        if name != MANIFEST:
            raise Broken("it does not begin with a manifest")
        written = json.loads(content).get("format")
        if written != FORMAT:
            raise UserError(
                f"The backup has format {written}, this version of Groenmeter reads {FORMAT}: upgrade first."
            )
        try:
            self.manifest = Manifest.model_validate_json(content)
        except ValidationError as error:
            raise Broken("its manifest cannot be read") from error

    def parts(self) -> Iterator[Part]:
        """The rows, table by table."""
        rows = dict.fromkeys(self.manifest.facts.tables, 0)
        for name, content in self._entries:
            if name == END:
                if End(rows=rows, sha256=self._before) != End.model_validate_json(content):
                    raise Broken("its rows are not those that were written")
                return
            table = name.removeprefix(TABLES).partition("/")[0]
            if table not in rows:
                raise Broken(f"it has an entry {name!r}")
            rows[table] += content.count(b"\n")
            yield Part(table, content)
        raise Broken("it ends too early")

    def _read(self, file: BinaryIO) -> Iterator[tuple[str, bytes]]:
        """Each entry; `_before` is the digest of those before it."""
        try:
            with gzip.GzipFile(fileobj=file) as zipped, tarfile.open(fileobj=zipped, mode="r|") as archive:
                for entry in archive:
                    content = archive.extractfile(entry)
                    data = content.read() if content else b""
                    self._before = self._digest.hexdigest()
                    self._digest.update(data)
                    yield entry.name, data
        except (EOFError, OSError, tarfile.TarError, zlib.error) as error:
            raise Broken(str(error) or type(error).__name__) from error


def _parts(lines: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """The lines put together."""
    part = bytearray()
    for line in lines:
        part += line
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)
