"""SQL is held in files, one statement each, and read once at import."""

from importlib.resources import files


def statement(package: str, name: str) -> str:
    """Read `package/sql/name.sql`."""
    return (files(package) / "sql" / f"{name}.sql").read_text("utf-8")
