"""Statements that are put together once and then handed to the driver as they are: for the way of a message alone.

The SQL, the types and the errors are SQLAlchemy Core's. Refuses what only Core can do: lists of values for `IN`, many
rows at once, defaults that are made anew for each row. Core puts a statement's pieces together at every run; after a
pause, when nothing of that is in the processor's cache any more, this costs more than the database does.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Convert = Callable[[Any], Any]
Statement = sa.Select[Any] | sa.Insert | sa.Update


class Prepared:
    """One statement. Make it once, at import; `run` it on any open connection of either kind of database.

    Args:
        statement: with `sa.bindparam` where a value is missing; an insert takes the columns named in `columns`.
        columns: those that an insert sets; nothing else needs any.
        then: SQL to end the statement with that both databases write alike, without values of its own.
    """

    def __init__(self, statement: Statement, *, columns: tuple[str, ...] = (), then: str = "") -> None:
        self._statement, self._columns, self._then = statement, columns, then
        self._ready: dict[str, _Ready] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        """Runs it inside the connection's transaction.

        Args:
            values: one for each name that is open; others are ignored.

        Returns:
            The rows, with their columns as attributes; empty for a statement that returns none.

        Raises:
            KeyError: a value is missing.
            sqlalchemy.exc.DBAPIError: as Core raises it, without the values.
        """
        ready = self._ready.get(connection.dialect.name)
        if ready is None:
            ready = _Ready(self._statement, self._columns, self._then, connection.dialect)
            self._ready[connection.dialect.name] = ready
        return ready.run(connection, values)


class _Ready:
    """A statement in the words of one dialect."""

    def __init__(self, statement: Statement, columns: tuple[str, ...], then: str, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns or None)
        self._sql = f"{compiled} {then}" if then else str(compiled)
        fixed = dict(compiled.params) | {column.key: _default(column) for column in compiled.insert_prefetch}
        self._by_position = dialect.positional
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        names: list[str] = (compiled.positiontup or []) if self._by_position else list(binds)
        self._binds: list[tuple[str, Convert | None, Any]] = []
        for name in names:
            bind = binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            # What is written into the statement itself, like a status, is converted here, once.
            its = None if bind.required else fixed[name]
            self._binds.append((name, convert if bind.required else None, convert(its) if convert else its))
        self._open = frozenset(name for name, bind in binds.items() if bind.required)
        returned = list(statement.exported_columns)
        self._row: Any = namedtuple("Row", [column.key for column in returned]) if returned else None  # type: ignore[misc]
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in returned]
        self._converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        bound = [
            (name, (convert(values[name]) if convert else values[name]) if name in self._open else its)
            for name, convert, its in self._binds
        ]
        cursor = execute(connection, self._sql, [value for _, value in bound] if self._by_position else dict(bound))
        if self._row is None:
            return []
        return [self._row._make(self._converted(row)) for row in cursor.fetchall()]

    def _converted(self, row: tuple[Any, ...]) -> Sequence[Any]:
        """Most columns come as they are wanted."""
        values = list(row)
        for place, convert in self._converts:
            values[place] = convert(values[place])
        return values


def _default(column: sa.Column[Any]) -> object:
    """The value of a column that an insert does not name."""
    default = column.default
    if not isinstance(default, sa.ColumnDefault) or not default.is_scalar:
        raise TypeError(f"the default of {column} is made anew for each row: name the column")
    return default.arg


def execute(connection: sa.Connection, sql: str, values: Any = ()) -> Any:
    """Runs SQL of the driver's own kind; gives its cursor.

    Raises:
        sqlalchemy.exc.DBAPIError: as Core raises it, without the values.
    """
    driver: Any = connection.connection.driver_connection
    dbapi = connection.dialect.loaded_dbapi
    try:
        return driver.execute(sql, values)
    except dbapi.Error as error:
        raise sa.exc.DBAPIError.instance(sql, None, error, dbapi.Error, hide_parameters=True) from error
