"""One client's Snowpark session: DataFrame pipelines where an operation has one, `session.sql` where it has none."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from bench.backends.arrow_rows import ArrowRows
from bench.backends.base import Call, Session
from bench.backends.snowflake_session import bound
from bench.errors import RunError
from bench.model import CountedRows, ErrorClass, Namespace, Row, Statement, Value

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import DataFrame, QueryHistory
    from snowflake.snowpark import Session as Snowpark

QUERY = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*|\()*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)
"""A statement that gives a table, whatever comments and brackets stand before it."""

Pipeline: TypeAlias = "Callable[[Callable[[str], DataFrame], Callable[[str], Value]], DataFrame]"
"""`def pipeline(table, value)` of a file beside a template: gives the DataFrame whose rows are the answer."""

KEPT_IDS = 1_000
"""How many query ids are kept at most for somebody who never asks."""

DEAD_SESSION = ("1402", "1404")
"""What Snowpark's own errors say of a session that has expired, or is closed."""


class SnowparkSession(Session):
    """Snowpark over a connection that is open already, beside the plain session on the same connection.

    What Snowpark adds is the way a statement is made and sent. Transactions, the meaning of errors, cancelling and
    closing stay with the plain session, which knows the connection.

    What a pipeline's call does, and so what is timed, is what the application would do: build the DataFrame from the
    values, let Snowpark ask the server for the schemas that it needs on the way (`DESCRIBE`, one round trip each),
    send the one query, and fetch the whole result as Arrow. The DataFrames of the tables are made once per session,
    so that their schemas are asked for once.
    """

    def __init__(
        self,
        plain: Session,
        connection: SnowflakeConnection,
        namespace: Namespace,
        *,
        tag: Callable[[], str] = str,
        reduce_describes: bool = False,
    ) -> None:
        """Put Snowpark on an open connection.

        Args:
            plain: The session on the same connection that sends SQL through the connector.
            connection: Made with `paramstyle="qmark"` and `arrow_number_to_decimal=True`.
            namespace: Where the tables of the dataset live.
            tag: Gives the QUERY_TAG of what is sent now.
            reduce_describes: Let Snowpark infer schemas on the client, instead of asking the server, where it can.
                Snowpark calls the setting experimental, and has it off.
        """
        from snowflake.snowpark import Session as Snowpark

        self._plain = plain
        self._namespace = namespace
        self._tag = tag
        self._snowpark: Snowpark = Snowpark.builder.configs({"connection": connection}).create()
        if reduce_describes:
            _infer_schemas(self._snowpark)
        # Snowpark gives the id of a statement to its listeners only. Those of the describes are left out: the service's
        # history holds what was executed.
        self._history: QueryHistory = self._snowpark.query_history(include_error=True)
        self._tables: dict[str, DataFrame] = {}

    def prepare(self, statement: Statement) -> Call:
        """The statement's pipeline, or its SQL through `session.sql`."""
        if statement.pipeline:
            build = self._built(statement)
            return lambda values: ArrowRows(build(values).to_arrow(statement_params=self._statement_params()))
        sql = statement.sql
        if statement.returns_rows and QUERY.match(sql):
            return lambda values: ArrowRows(
                self._asked(sql, values).to_arrow(statement_params=self._statement_params())
            )
        if statement.returns_rows:  # SHOW, DESCRIBE and EXPLAIN answer in JSON, which does not become Arrow
            return lambda values: [
                tuple(row) for row in self._asked(sql, values).collect(statement_params=self._statement_params())
            ]
        return lambda values: _changed(self._asked(sql, values).collect(statement_params=self._statement_params()))

    def generated(self, statement: Statement, values: Sequence[Value]) -> str:
        """The query that the pipeline comes to; asks for schemas, but for no row."""
        if not statement.pipeline:
            return ""
        queries = self._built(statement)(values).queries
        texts = [*queries["queries"], *queries["post_actions"]]
        return "".join(f"{text.strip()};\n" for text in texts)

    def _asked(self, sql: str, values: Sequence[Value]) -> DataFrame:
        return self._snowpark.sql(sql, params=list(bound(values)) or None)

    def _built(self, statement: Statement) -> Callable[[Sequence[Value]], DataFrame]:
        """Makes the DataFrame of a statement from values in its order."""
        pipeline, names = _loaded(statement.pipeline), statement.parameters
        # The SQL may ask for a value twice, a pipeline asks by name.
        return lambda values: pipeline(self._table, dict(zip(names, values, strict=True)).__getitem__)

    def _table(self, name: str) -> DataFrame:
        known = self._tables.get(name)
        if known is None:
            known = self._tables[name] = self._snowpark.table(self._namespace.qualified(name))
        return known

    def _statement_params(self) -> dict[str, str]:
        """A dictionary for each statement, since Snowpark writes into it."""
        if len(self._history.queries) > KEPT_IDS:
            self._history.queries.clear()
        return {"QUERY_TAG": self._tag()}

    def query_id(self) -> str | None:
        """The ids of what was executed since this was asked last, here and by the plain session."""
        ids = [query.query_id for query in self._history.queries if query.query_id]
        self._history.queries.clear()
        plain = self._plain.query_id()
        return ",".join([*ids, plain] if plain else ids) or None

    def number(self) -> str | None:
        """The service's number of the session, which is that of the connection."""
        return self._plain.number()

    def plan(self, statement: Statement, values: Sequence[Value]) -> str:
        """The compiled plan of what is sent: the text that the pipeline comes to, or the SQL."""
        generated = self.generated(statement, values).rstrip().rstrip(";")
        if not generated:
            return self._plain.plan(statement, values)
        return self._plain.plan(replace(statement, sql=generated, parameters=()), ())

    def enter(self, phase: str) -> None:
        """The plain session keeps the word; `tag` reads it there."""
        self._plain.enter(phase)

    def begin(self, isolation: str = "") -> None:
        """Open a transaction on the connection, which Snowpark's statements then belong to."""
        self._plain.begin(isolation)

    def commit(self) -> None:
        """End the transaction with its changes."""
        self._plain.commit()

    def rollback(self) -> None:
        """End the transaction without its changes."""
        self._plain.rollback()

    def classify(self, error: Exception) -> ErrorClass:
        """What the connector's error means that Snowpark carries along; Snowpark's own are mistakes in a pipeline."""
        from snowflake.snowpark.exceptions import SnowparkClientException

        inner = _of_the_connector(error)
        if isinstance(inner, SnowparkClientException):
            return ErrorClass.DISCONNECTED if inner.error_code in DEAD_SESSION else ErrorClass.FATAL
        return self._plain.classify(inner)

    def sqlstate(self, error: Exception) -> str | None:
        """The SQLSTATE of the connector's error."""
        return self._plain.sqlstate(_of_the_connector(error))

    def cancel(self) -> None:
        """End what the connection runs."""
        self._plain.cancel()

    def close(self) -> None:
        """Close the connection, then let Snowpark forget the session.

        In this order: a Snowpark session that closes itself first sends another query, also on a dead connection.
        """
        self._plain.close()
        self._snowpark.close()


def _loaded(source: str) -> Pipeline:
    """The function `pipeline` of a module's source.

    Raises:
        RunError: The module cannot be executed here.
    """
    names: dict[str, object] = {"__name__": "pipeline"}
    try:
        exec(compile(source, "<pipeline>", "exec"), names)  # code of the user, from beside the SQL of the user
    except Exception as error:  # whatever the module does when it is imported; the cause is kept
        raise RunError(f"a pipeline cannot be loaded: {type(error).__name__}: {error}") from error
    return names["pipeline"]  # type: ignore[return-value]  # render has seen that it is a function of two arguments


def _infer_schemas(session: Snowpark) -> None:
    """Switch it on without the warning in the log: whoever asked for it has read as much where it is described."""
    logging.getLogger("snowflake.snowpark").addFilter(_is_news)
    session.reduce_describe_query_enabled = True  # type: ignore[misc]  # its setter stands far from its getter


def _is_news(record: logging.LogRecord) -> bool:
    return "reduce_describe_query_enabled" not in record.getMessage()


def _of_the_connector(error: Exception) -> Exception:
    """The connector's own error within one of Snowpark's, or the error itself."""
    inner = getattr(error, "conn_error", None) or error.__cause__
    return inner if isinstance(inner, Exception) else error


def _changed(rows: Sequence[Sequence[object]]) -> Sequence[Row]:
    """What a change answers: one row with the numbers of rows inserted, updated, deleted."""
    return CountedRows(sum(count for row in rows for count in row if isinstance(count, int)))
