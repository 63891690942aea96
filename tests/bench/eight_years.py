"""A ledger of eight years, put into an empty database in bulk: what posting it would have left there.

178 meters of 28 teams with 96 readings a day are 50 million. Each day is counted in the night behind it, in
batches of the size that processors make; one meter is read 45 days late, and one reading in a thousand is
corrected the day after. All of it is made up.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import psycopg

METERS = 178
TEAMS = 28
YEARS = 8
SLOTS = 96
AT_ONCE = 2

ORGANISATION = "\n".join(
    [
        'name = "Made up"',
        'main_site = "main"',
        "base_year = 2019",
        '[sites.main]\nnl = "Hoofdgebouw"\nen = "Main building"',
        '[sites.research]\nnl = "Onderzoek"\nen = "Research"',
        *(
            f'[teams.team-{number:02}]\nnl = "Afdeling {number}"\nen = "Ward {number}"'
            for number in range(1, TEAMS + 1)
        ),
    ]
)

_SERIES = """
CREATE TABLE filling AS
WITH measured AS (
    SELECT 'energy' AS kind, (number - 1) % {teams} + 1 AS team_no, '/meter/' || number AS source,
        (ARRAY['electricity', 'electricity', 'electricity', 'electricity', 'district-heat', 'natural-gas'])
            [(number - 1) / {teams} % 6 + 1] AS category,
        'metered' AS method, false AS detail, 'M-' || number AS meter, number = {meters} AS is_late,
        (number - 1) % 4 AS block, 0 AS hours, {steps} AS steps
    FROM generate_series(1, {meters}) AS number
    UNION ALL
    SELECT 'waste', team_no, '/scale', category, 'weighed', team_no % 3 = 0, NULL, false, 4, 12, 999
    FROM generate_series(1, {teams}) AS team_no,
        unnest(ARRAY['residual', 'paper', 'glass', 'swill']) AS category
    UNION ALL
    SELECT 'food-waste', team_no, '/kitchen', category, 'weighed', false, NULL, false, 4, 12, 999
    FROM generate_series(1, 2) AS team_no,
        unnest(ARRAY['storage', 'preparation', 'serving', 'plate']) AS category
    UNION ALL
    SELECT 'medication-waste', team_no, '/returns', category, 'counted', false, NULL, false, 4, 0, 999
    FROM generate_series(1, 4) AS team_no, unnest(ARRAY['expired', 'returned', 'opened']) AS category
    UNION ALL
    SELECT 'activity', 1, '/register', category, 'counted', false, NULL, false, 4, 12, 999
    FROM unnest(ARRAY['meals', 'medicines-dispensed']) AS category
)
SELECT *, 'team-' || lpad(team_no::text, 2, '0') AS team,
    CASE WHEN team_no % 2 = 0 THEN 'research' ELSE 'main' END AS site,
    CASE kind WHEN 'energy' THEN 'use' END AS flow,
    CASE WHEN category = 'natural-gas' THEN 'ml_n' WHEN kind = 'energy' THEN 'J'
        WHEN kind = 'activity' THEN '1' WHEN kind <> 'medication-waste' THEN 'mg' END AS unit,
    CASE kind WHEN 'energy' THEN '' ELSE category END AS suffix,
    CASE WHEN kind IN ('medication-waste', 'activity') THEN 1 ELSE 3600 END AS scale,
    NULL::integer AS source_no, NULL::integer AS leaf_no, NULL::integer AS cost_leaf_no
FROM measured;

INSERT INTO source (team, kind, source) SELECT DISTINCT team, kind, source FROM filling ORDER BY 1, 2, 3;

INSERT INTO leaf (team, site, kind, category, flow, method, detail, unit)
SELECT DISTINCT team, site, kind, category, flow, method, detail, amount.unit
FROM filling
CROSS JOIN unnest(CASE kind WHEN 'medication-waste' THEN ARRAY['piece', 'cent'] ELSE ARRAY[filling.unit] END)
    AS amount (unit)
ORDER BY 1, 2, 3, 4;

UPDATE filling SET source_no = source.source_no
FROM source
WHERE (source.team, source.kind, source.source) = (filling.team, filling.kind, filling.source);
UPDATE filling SET leaf_no = leaf.leaf_no
FROM leaf
WHERE (leaf.team, leaf.kind, leaf.category, leaf.unit)
    = (filling.team, filling.kind, filling.category, coalesce(filling.unit, 'piece'));
UPDATE filling SET cost_leaf_no = leaf.leaf_no
FROM leaf
WHERE (leaf.team, leaf.kind, leaf.category, leaf.unit)
    = (filling.team, filling.kind, filling.category, 'cent');
ANALYZE filling;

-- What was there before the first reading is as old as the ledger.
SET session_replication_role = replica;
UPDATE batch_log SET recorded_at = (SELECT starts FROM calendar_day WHERE day = '{first}') WHERE batch_no = 0;
UPDATE emission_factor SET recorded_at = (SELECT recorded_at FROM batch_log WHERE batch_no = 0);
SET session_replication_role = origin;
"""

_MONTH = """
CREATE TEMPORARY TABLE arriving ON COMMIT DROP AS
SELECT filling.source_no, leaf_no, cost_leaf_no, team, kind, category, flow, site, method, detail, unit,
    meter, calendar_day.day, calendar_day.starts AS day_starts, starts_at, ends_at, id, revision,
    revision = revisions AS counts,
    arrival.ends + interval '1 minute' * of_block AS written_at,
    arrival.ends + interval '1 minute' * of_block - interval '2 seconds' AS received_at,
    1000 + (arrival.day - DATE '{first}') * 6 + of_block AS batch_id,
    decode(md5(filling.source_no || id || revision), 'hex') AS fingerprint,
    abs(drawn) % 40000 * scale + revision AS amount
FROM calendar_day
CROSS JOIN filling
CROSS JOIN LATERAL generate_series(
    0, CASE kind WHEN 'energy' THEN extract(epoch FROM ends - starts)::integer / 900 - 1 ELSE 0 END, steps
) AS slot
CROSS JOIN LATERAL (
    SELECT starts + interval '1 hour' * hours + interval '15 minutes' * slot AS starts_at,
        hashint4((day - DATE '{first}') * 100 + slot + 1000000 * filling.source_no)::bigint AS drawn
) AS begun
CROSS JOIN LATERAL (
    SELECT CASE kind WHEN 'energy' THEN starts_at + interval '15 minutes' END AS ends_at,
        to_char(starts_at, 'YYYY-MM-DD"T"HH24:MI"Z"') || suffix AS id,
        CASE WHEN is_late AND day + 45 < DATE '{end}' THEN 45 ELSE 0 END AS delay
) AS named
CROSS JOIN LATERAL (
    SELECT CASE WHEN drawn % 1009 = 0 AND day + delay + 1 < DATE '{end}' THEN 2 ELSE 1 END AS revisions
) AS corrected
CROSS JOIN LATERAL generate_series(1, revisions) AS revision
CROSS JOIN LATERAL (SELECT CASE revision WHEN 1 THEN block ELSE 5 END AS of_block) AS counted_in
JOIN calendar_day AS arrival ON arrival.day = calendar_day.day + delay + revision - 1
WHERE calendar_day.day >= greatest(DATE '{first}', DATE '{month}')
    AND calendar_day.day < least(DATE '{end}', DATE '{month}' + interval '1 month');

INSERT INTO measurement (
    written_at, batch_id, source_no, id, revision, retracted, fingerprint, received_at, origin, starts_at,
    ends_at, category, flow, site, method, detail, quantity, unit, pieces, cost, meter
)
SELECT written_at, batch_id, source_no, id, revision, false, fingerprint, received_at,
    'filled/' || batch_id, starts_at, ends_at, category, flow, site, method, detail,
    CASE WHEN unit IS NOT NULL THEN amount END, unit, CASE WHEN unit IS NULL THEN amount END,
    CASE WHEN unit IS NULL THEN 7 * amount END, meter
FROM arriving;

INSERT INTO received_late (
    written_at, batch_id, team, kind, category, readings, days_late, starts_at, received_at
)
SELECT written_at, batch_id, team, kind, category, count(*), sum(extract(day FROM received_at - ends_at)),
    min(starts_at), received_at
FROM arriving
WHERE revision = 1 AND received_at - ends_at > interval '31 days'
GROUP BY written_at, batch_id, team, kind, category, received_at;

INSERT INTO correction (
    written_at, batch_id, source_no, id, revision, retracted, starts_at, category, quantity_before,
    unit_before, quantity_after, unit_after
)
SELECT written_at, batch_id, source_no, id, revision, false, starts_at, category, amount - 1,
    coalesce(unit, 'piece'), amount, coalesce(unit, 'piece')
FROM arriving
WHERE revision > 1;

INSERT INTO identity (source_no, id, revision, fingerprint)
SELECT source_no, id, revision, fingerprint FROM arriving WHERE counts;

CREATE TEMPORARY TABLE hourly ON COMMIT DROP AS
SELECT leaf_no, cost_leaf_no, source_no, kind, day, date_bin('1 hour', starts_at, day_starts) AS hour,
    sum(amount) AS amount, count(*) AS readings,
    coalesce(sum(extract(epoch FROM ends_at - starts_at)), 0) AS seconds
FROM arriving
WHERE counts
GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO hourly (leaf_no, source_no, kind, day, hour, amount, readings, seconds)
SELECT cost_leaf_no, source_no, kind, day, hour, 7 * amount, readings, seconds
FROM hourly
WHERE cost_leaf_no IS NOT NULL;

INSERT INTO rollup_day (leaf_no, day, quantity, readings)
SELECT leaf_no, day, sum(amount), sum(readings) FROM hourly GROUP BY 1, 2 ORDER BY 1, 2;

INSERT INTO rollup_hour (leaf_no, hour, quantity, readings)
SELECT leaf_no, hour, sum(amount), sum(readings)
FROM hourly
WHERE kind <> 'medication-waste'
GROUP BY 1, 2
ORDER BY 1, 2;

INSERT INTO source_day (leaf_no, source_no, span, day, readings, seconds)
SELECT leaf_no, source_no, CASE kind WHEN 'energy' THEN 'hour' ELSE 'moment' END, day, sum(readings),
    sum(seconds)
FROM hourly
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;
"""

# Also behind the cursors: nobody is told, and nothing is flagged, of years that were read in.
_LOG = """
INSERT INTO batch_log (
    batch_id, batch_no, recorded_at, worker, events, added, repeats, rejected, oldest_received_at
)
SELECT batch_id, row_number() OVER (ORDER BY batch_id), written_at + interval '1 second', 'filled', number,
    number, 0, 0, oldest
FROM (
    SELECT batch_id, max(written_at) AS written_at, count(*) AS number, min(received_at) AS oldest
    FROM measurement
    GROUP BY batch_id
) AS batch;
INSERT INTO receipt_part (record_id, receipt, added, repeats, rejected)
SELECT 'filled/' || batch_id, 'filled', added, 0, 0 FROM batch_log WHERE added > 0;
SELECT setval('batch_id', max(batch_id)) FROM batch_log;
UPDATE tracker_cursor SET batch_no = (SELECT max(batch_no) FROM batch_log);
UPDATE flag_cursor SET batch_no = (SELECT max(batch_no) FROM batch_log);
DROP TABLE filling;
"""


@dataclass(frozen=True)
class Span:
    """The local days that are filled, [`first`, `end`)."""

    first: date
    end: date

    def months(self) -> Sequence[date]:
        """The first day of every month that they touch."""
        numbers = range(self.first.year * 12 + self.first.month - 1, self.end.year * 12 + self.end.month)
        return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def fill(dsn: str, end: date, readings: int, report: Callable[[str], None]) -> Span:
    """Fill the eight years before `end` with about this many readings; `dsn` is the owner's."""
    span = Span(end.replace(year=end.year - YEARS), end)
    a_day = max(1, min(SLOTS, round(readings / METERS / (span.end - span.first).days)))
    _run(dsn, _SERIES, teams=TEAMS, meters=METERS, steps=SLOTS // a_day, first=span.first)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = threads.map(
            lambda month: _run(dsn, _MONTH, first=span.first, end=span.end, month=month), span.months()
        )
        for month, _ in zip(span.months(), done, strict=True):
            report(f"filled {month:%Y-%m}")
    _run(dsn, _LOG)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return span


def _run(dsn: str, statements: str, **values: object) -> None:
    settings = "-c timezone=UTC -c synchronous_commit=off -c work_mem=256MB -c temp_buffers=512MB"
    with psycopg.connect(dsn, options=settings) as connection:
        connection.execute(statements.format(**values).encode())
