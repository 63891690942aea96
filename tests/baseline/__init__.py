"""What every later version must be able to take over: a database with data, and the code it came from.

`database.backup` holds all kinds, corrections, retractions, rejects, periods over clock changes, details,
medication, targets that were judged, subscribers, messages and tokens. `answers.json` is what that version
said of them. `python -m tests.baseline.make` makes both anew: only right for a new baseline, another commit.
"""
