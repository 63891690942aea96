"""The rules by which every number is worked out, in Dutch and English: they stand in each explanation."""

import tomllib
from importlib import resources

from schemas.factors import REFERENCE_YEAR

_FILE = (resources.files("services.query") / "explain_rules.toml").read_text("utf-8")

RULES: list[dict[str, str]] = [
    {name: text.format(year=REFERENCE_YEAR) for name, text in rule.items()}
    for rule in tomllib.loads(_FILE)["rule"]
]
