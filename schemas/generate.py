"""Writes the generated documents: `python -m schemas.generate [--check]`.

JSON Schema of each event and AsyncAPI of the topics, in `schemas/generated/`: the same code, the same text.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.asyncapi import asyncapi
from schemas.catalogue import KINDS
from schemas.json_schema import DIALECT, event_schema

GENERATED = Path(__file__).with_name("generated")
EXAMPLES = Path(__file__).with_name("examples")

Documents = Mapping[str, Any]


def documents() -> Documents:
    """Every document of this package by file name."""
    return {
        **{f"{kind}.schema.json": _schema_document(kind) for kind in KINDS},
        "asyncapi.json": asyncapi(),
    }


def _schema_document(kind: str) -> dict[str, Any]:
    examples = sorted((EXAMPLES / kind / "valid").glob("*.json"))
    return {
        "$schema": DIALECT,
        "$id": f"urn:groenmeter:schema:{kind}:v1",
        **event_schema(kind),
        "examples": [json.loads(file.read_text("utf-8")) for file in examples],
    }


def generate(found: Documents, arguments: list[str], directory: Path = GENERATED) -> int:
    """Write the documents, or with `--check` only name those that are not current. The exit code."""
    parser = argparse.ArgumentParser(description="Write the generated documents.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when a file is not current"
    )
    check = parser.parse_args(arguments).check
    texts = {directory / name: as_text(document) for name, document in found.items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in stale:
            print(f"not current: {path.relative_to(directory.parent.parent)}", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], "utf-8")
    return 0


def as_text(document: Any) -> str:
    """A document as it is written: indented, its keys sorted."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(generate(documents(), sys.argv[1:]))
