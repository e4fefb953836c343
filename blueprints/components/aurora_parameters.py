"""What an Aurora PostgreSQL cluster is told to do differently, in Aurora's own units, and what is left to Aurora.

Units, allowed values and whether a change waits for a reboot are what ``aws rds describe-db-cluster-parameters`` says
of a default group of Aurora PostgreSQL. ``ALTER SYSTEM`` is not permitted on Aurora; a parameter group takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatabaseParameter:
    """One setting of a cluster parameter group; a static one holds after the instances have been rebooted."""

    name: str
    value: str
    why: str
    static: bool = False


# A cluster's group also holds the defaults of its instances, so one group is enough (Amazon Aurora User Guide,
# "Amazon Aurora PostgreSQL parameters").
DATABASE_PARAMETERS = (
    DatabaseParameter("rds.force_ssl", "1", "Refuses connections without TLS; Aurora's default up to 16 is 0."),
    DatabaseParameter("log_min_duration_statement", "1000", "In ms: statements slower than a second are logged."),
    DatabaseParameter(
        "log_statement",
        "mod",
        "Logs statements that change data or schema; all would log every query too, at the price of its volume.",
    ),
    DatabaseParameter(
        "log_parameter_max_length",
        "0",
        "In bytes: the values bound to a logged statement, which are people's data, stay out of the log.",
    ),
    DatabaseParameter(
        "shared_preload_libraries",
        "pg_stat_statements",
        "Counts how often statements run and how long they take. Aurora's default, said because track needs it.",
        static=True,
    ),
    # Written in capitals in the list of allowed values: NONE, TOP, ALL.
    DatabaseParameter("pg_stat_statements.track", "ALL", "Counts statements inside functions too."),
    DatabaseParameter(
        "work_mem", "16384", "In kB, 16 MB for each sort or hash of a query; Aurora's default of 4 MB spills to disk."
    ),
    DatabaseParameter(
        "maintenance_work_mem", "524288", "In kB, 512 MB to build an index or vacuum; the default grows with the class."
    ),
    DatabaseParameter(
        "max_connections",
        "200",
        "The pools of all tasks together have to stay below it; the default is a connection for each 9 MB of memory.",
        static=True,
    ),
    DatabaseParameter(
        "max_prepared_transactions",
        "200",
        "As many as connections, for two-phase commits; only PREPARE TRANSACTION needs it, not prepared statements.",
        static=True,
    ),
)

# Asked for in pages of 8 kB and by formula, never as 2GB or 8GB.
LEFT_TO_AURORA = {
    "shared_buffers": "Aurora gives it about two thirds of the memory, SUM({DBInstanceClassMemory/12038},-50003) "
    "pages, because there is no file system cache below it; 2 GB would leave most of a db.r6g.large idle.",
    "effective_cache_size": "The same formula: the planner may count on what shared_buffers holds. 8 GB would promise "
    "it twice the memory of a db.t4g.medium.",
}
