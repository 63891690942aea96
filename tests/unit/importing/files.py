"""Reading made-up files by a profile, as `import` does."""

import csv
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.importing.judge import Judge
from services.importing.profile import Profile
from services.importing.reader import LeftOut, NotUnderstood, Outcome, Reader, Reading

SAMPLES = Path("services/importing/samples")
JUDGE = Judge("Europe/Amsterdam")


def profile_of(text: str) -> Profile:
    """The profile of a TOML text."""
    return Profile.model_validate(tomllib.loads(text))


def write_csv(path: Path, rows: Iterable[Sequence[str]], delimiter: str = ";") -> Path:
    """A CSV file with these rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def read(path: Path, profile: Profile, delivery: str = "delivery") -> list[Outcome]:
    """The outcome of every row."""
    return list(Reader(profile, delivery, JUDGE).read(path))


def readings(outcomes: Iterable[Outcome]) -> list[Reading]:
    """The rows that are measurements."""
    return [outcome for outcome in outcomes if isinstance(outcome, Reading)]


def left_out(outcomes: Iterable[Outcome]) -> dict[int, str]:
    """Why rows were left out."""
    return {outcome.row: outcome.reason for outcome in outcomes if isinstance(outcome, LeftOut)}


def not_understood(outcomes: Iterable[Outcome]) -> dict[int, str]:
    """Field and problem of the rows that were not understood."""
    return {
        outcome.row: "; ".join(f"{problem.field}: {problem.problem}" for problem in outcome.problems)
        for outcome in outcomes
        if isinstance(outcome, NotUnderstood)
    }
