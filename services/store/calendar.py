"""The calendar of the organisation's local days."""

import psycopg

from schemas.calendar import Calendar, from_microseconds, to_microseconds


def read_calendar(connection: psycopg.Connection) -> Calendar:
    """The calendar that Python and SQL share."""
    rows = connection.execute("SELECT day, starts, ends FROM calendar_day ORDER BY day").fetchall()
    starts = [to_microseconds(starts) for _, starts, _ in rows]
    return Calendar(rows[0][0], [*starts, to_microseconds(rows[-1][2])])


def write_calendar(connection: psycopg.Connection, calendar: Calendar) -> None:
    """Replace the calendar; only possible while no event was counted."""
    connection.execute("DELETE FROM calendar_day")
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY calendar_day (day, starts, ends) FROM STDIN") as copy,
    ):
        for index in range(len(calendar.starts) - 1):
            copy.write_row(
                (
                    calendar.day(index),
                    from_microseconds(calendar.starts[index]),
                    from_microseconds(calendar.starts[index + 1]),
                )
            )
