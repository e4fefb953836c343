"""Names that RDS for PostgreSQL refuses for a master user or a database."""

from __future__ import annotations

import re

from blueprints.components.postgres import database_name
from blueprints.model.errors import SettingsError

# 1 to 16 letters, digits and underscores, a letter first (CreateDBInstance); lower case needs no quotes in SQL.
USER_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")

# PostgreSQL's reserved key words (PostgreSQL documentation, appendix C), of which a name would need quotes.
_KEY_WORDS = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
unique user using variadic verbose when where window with
"""
KEY_WORDS = frozenset(_KEY_WORDS.split())
# "cannot be used as it is a reserved word used by the engine"; public and none are PostgreSQL's own (CREATE ROLE).
RESERVED_USERS = KEY_WORDS | {"admin", "none", "public", "rdsadmin"}
# "cannot be used. It is a reserved word for this engine": RDS publishes no list, and it is longer than PostgreSQL's.
# Beside key words it holds what others were refused: catalog, db, dispatch, flag, identity.
RESERVED_DATABASES = KEY_WORDS | {
    "admin",
    "catalog",
    "db",
    "dispatch",
    "flag",
    "identity",
    "rdsadmin",
    "template0",
    "template1",
}


def checked_user(name: str, user: str) -> str:
    """The name of a master user again, if RDS takes it.

    Raises:
        SettingsError: it does not.

    """
    if not USER_NAME.fullmatch(user):
        raise SettingsError(
            f"{name}: user is {user!r}; it takes a letter, then up to 15 letters, digits and _, all lower case"
        )
    if user in RESERVED_USERS or user.startswith("pg_"):
        raise SettingsError(
            f"{name}: user is {user!r}, which RDS or PostgreSQL keeps to itself; choose another, as app"
        )
    return user


def checked_database(name: str, database: str) -> str:
    """The name of a database again, if PostgreSQL takes it without quotes and RDS is not known to refuse it.

    Raises:
        SettingsError: one of them does not.

    """
    if database in RESERVED_DATABASES:
        raise SettingsError(
            f"{name}: database is {database!r}, a word that RDS reserves; a name of two words, as app_data, is free"
        )
    return database_name(name, database)
