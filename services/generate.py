"""Writes every generated document, OpenAPI too: `python -m services.generate [--check]`."""

import sys

from schemas.generate import documents, generate
from services.intake.app import create_app
from services.settings import Settings

if __name__ == "__main__":
    openapi = create_app(Settings()).openapi()
    sys.exit(generate({**documents(), "openapi.json": openapi}, sys.argv[1:]))
