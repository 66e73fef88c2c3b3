"""Texts that PostgreSQL's pg_stat_statements counts as one, and texts that it does not."""

import pytest

from bench.backends.postgres_observed import statement_key


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        # Left what is sent, right what version 18 was seen to keep of it.
        ("SELECT a FROM t WHERE b = $1 AND c = 7", "SELECT a FROM t WHERE b = $1 AND c = $2"),
        ("SELECT a FROM t WHERE b = -5 AND a-5 > 2;", "SELECT a FROM t WHERE b = $1 AND a-$2 > $3"),
        ("SELECT a FROM t WHERE b - -5 > 0", "SELECT a FROM t WHERE b - $1 > $2"),
        ("SELECT a FROM t WHERE a IN (1, 2,3)", "SELECT a FROM t WHERE a IN ($1 /*, ... */)"),
        ("SELECT true, NULL, 'it''s -- x', E'a\\'b'", "SELECT $1, $2, $3, $4"),
        ("SELECT d - INTERVAL '1 day', DATE '2020-01-01' FROM t", "SELECT d - INTERVAL $1, DATE $2 FROM t"),
        (
            "SELECT b::numeric(10,2) FROM t GROUP BY 1\n  LIMIT 10",
            "SELECT b::numeric(10,2) FROM t GROUP BY 1\n  LIMIT $1",
        ),
        ('SELECT "a1" FROM "t 2" WHERE x1 = 1.5e3', 'SELECT "a1" FROM "t 2" WHERE x1 = $1'),
        ("SELECT /* why */ a -- because\nFROM t", "SELECT /* why */ a -- because\nFROM t"),
    ],
)
def test_one_statement(sent, kept):
    assert statement_key(sent) == statement_key(kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t1", "SELECT a FROM t2"),
        ('SELECT "a" FROM t', 'SELECT "A" FROM t'),
        ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b > $1"),
        ("EXPLAIN SELECT a FROM t", "SELECT a FROM t"),
        ("SELECT a FROM t WHERE b = '--'", "SELECT a FROM t WHERE b"),
    ],
)
def test_two_statements(one, other):
    assert statement_key(one) != statement_key(other)
