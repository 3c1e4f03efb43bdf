"""The eventsourcing library on a database of ours."""

from psycopg.conninfo import conninfo_to_dict


def library_environment(dsn: str) -> dict[str, str]:
    """The library's settings for this database."""
    settings = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": settings["dbname"],
        "POSTGRES_HOST": settings["host"],
        "POSTGRES_PORT": settings.get("port", "5432"),
        "POSTGRES_USER": settings["user"],
        "POSTGRES_PASSWORD": settings.get("password", ""),
        "POSTGRES_SCHEMA": "public",
    }
