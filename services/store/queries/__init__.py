"""Named queries: SQL stands in `.sql` files, each query under a line `-- name: its_name`."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def query(name: str) -> LiteralString:
    """The SQL text of a named query. Raises `KeyError` for a name that is in no file."""
    return _queries()[name]


@cache
def _queries() -> dict[str, LiteralString]:
    queries: dict[str, LiteralString] = {}
    for file in files("services.store.queries").iterdir():
        if file.name.endswith(".sql"):
            _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
            for name, text in zip(parts[::2], parts[1::2], strict=True):
                if name in queries:
                    raise ValueError(f"two queries are named {name}")
                queries[name] = cast(LiteralString, text.strip())
    return queries
