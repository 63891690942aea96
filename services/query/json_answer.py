"""JSON text of an answer. Exact numbers stay exact: `Number` is written as the digits that it holds."""

import json
from collections.abc import Mapping
from typing import Any

from schemas.json_text import Number


def to_json(value: Any) -> str:
    """The JSON text of dicts, lists and plain values; a `Number` becomes a JSON number, never a float."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{to_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    return value if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)
