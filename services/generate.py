"""Writes every generated document, OpenAPI and dashboards too: `python -m services.generate [--check]`."""

import sys

from dashboards.generate import GENERATED
from dashboards.generate import documents as dashboards
from schemas.generate import documents, generate
from services.intake.app import create_app
from services.settings import Settings

if __name__ == "__main__":
    openapi = create_app(Settings()).openapi()
    stale = generate({**documents(), "openapi.json": openapi}, sys.argv[1:])
    sys.exit(generate(dashboards(), sys.argv[1:], GENERATED) or stale)
