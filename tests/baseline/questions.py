"""What is asked of the baseline, by its own code when it was made and by every later one."""

from typing import Any
from urllib.parse import urlencode

KINDS = ("energy", "waste", "food-waste", "medication-waste", "activity")
YEARS = {"from": "2024-01-01", "to": "2026-01-01"}
FLOWS = {"flow": "use,feed-in,generation"}


def totals_questions() -> dict[str, dict[str, str]]:
    """The parameters of `GET /v1/totals`, by a name."""
    questions = {}
    for kind in KINDS:
        own = {"kind": kind} | (FLOWS if kind == "energy" else {})
        all_ = {"by": "category,team,site,method" + (",flow" if kind == "energy" else ""), "detail": "all"}
        questions[f"{kind} by month"] = (
            own | YEARS | {"bucket": "month", "by": "category,team", "detail": "all"}
        )
        questions[f"{kind} in all"] = own | YEARS | {"bucket": "all"} | all_
        questions[f"{kind} without details"] = own | YEARS | {"bucket": "year"}
        days = {"from": "2025-10-24", "to": "2025-11-02", "bucket": "day"}
        questions[f"{kind} by day"] = own | days | all_
        basis = {"bucket": "year", "basis": "ttw,market", "by": "category"}
        questions[f"{kind} direct only"] = own | YEARS | basis
        if kind != "medication-waste":
            questions[f"{kind} by hour"] = (
                own | {"from": "2025-10-25", "to": "2025-10-27", "bucket": "hour"} | all_
            )
    return questions


def path(parameters: dict[str, str]) -> str:
    """The call of a question."""
    return f"/v1/totals?{urlencode(parameters)}"


def differences(recorded: Any, answered: Any, where: str = "") -> list[str]:
    """Where an answer says something else than the recorded one; what is said in addition is none."""
    if isinstance(recorded, dict) and isinstance(answered, dict):
        return [
            line
            for name, value in recorded.items()
            for line in (
                differences(value, answered[name], f"{where}.{name}")
                if name in answered
                else [f"{where}.{name} is missing"]
            )
        ]
    if isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            return [f"{where}: {len(recorded)} entries were recorded, {len(answered)} answered"]
        pairs = enumerate(zip(recorded, answered, strict=True))
        return [line for place, (old, new) in pairs for line in differences(old, new, f"{where}[{place}]")]
    return [] if recorded == answered else [f"{where}: {recorded!r} was recorded, {answered!r} answered"]
