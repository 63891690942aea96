"""What the schema of a database is, as rows that can be compared."""

from tests.integration.store.recording import query

_PARTS = {
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
            pg_get_expr(adbin, adrelid)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "functions": """
        SELECT pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid), proacl::text
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind <> 'a'
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    """,
    "triggers": """
        SELECT pg_get_triggerdef(pg_trigger.oid), tgenabled
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
    """,
    "grants": """
        SELECT relname, relkind, relowner::regrole::text,
            ARRAY(SELECT unnest(relacl)::text ORDER BY 1)
        FROM pg_class WHERE relnamespace = 'public'::regnamespace
    """,
    "grants of columns": """
        SELECT attrelid::regclass::text, attname, ARRAY(SELECT unnest(attacl)::text ORDER BY 1)
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attacl IS NOT NULL
    """,
    "hypertables": """
        SELECT hypertable_name::text, num_dimensions, column_name::text, time_interval::text
        FROM timescaledb_information.hypertables
        JOIN timescaledb_information.dimensions USING (hypertable_schema, hypertable_name)
    """,
    "grants of the schema": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'public'",
    "migrations": "SELECT name FROM schema_migration",
}


def schema_of(dsn: str) -> dict[str, list[str]]:
    """Every part of the schema, in one order."""
    return {part: sorted(map(str, query(dsn, statement))) for part, statement in _PARTS.items()}
