"""From template to statement: look-up, Jinja, names, bound values, and what a statement is."""

import time

import pytest
from template_studio import Studio

from bench.errors import RenderError
from bench.model import Namespace
from bench.sampling import Constant
from bench.workload import Operation


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path)


# ---- look-up ----


def test_the_dialects_own_file_wins_and_is_sent_as_it_stands(studio):
    studio.write("w/q.sql.j2", "select name from customers")
    studio.write("w/q.duckdb.sql.j2", "FROM customers  SELECT name -- mine")
    rendered, (audit,) = studio.render("w/q.sql.j2", "duckdb")
    assert rendered.statements[0].sql == "FROM customers  SELECT name -- mine"
    assert (audit.origin, audit.template) == ("override", "w/q.duckdb.sql.j2")
    assert studio.render("w/q.sql.j2", "postgres")[1][0].origin == "identity"


def test_the_nearest_folder_wins_even_against_an_override_further_off(studio):
    studio.write("w/q.sql.j2", "select 1 as far")
    studio.write("w/q.duckdb.sql.j2", "select 1 as override")
    studio.write("w/q.sql.j2", "select 1 as near", folder="mine")
    rendered, (audit,) = studio.render("w/q.sql.j2", "duckdb", folders=("mine", "sql"))
    assert rendered.statements[0].sql == "SELECT 1 AS near"
    assert audit.origin == "transpiled"


def test_an_unknown_template_names_folders_and_the_nearest(studio):
    studio.write("w/two_way.sql.j2", "select 1")
    with pytest.raises(
        RenderError, match=r"no template 'w/two_wai\.sql\.j2'; did you mean 'w/two_way\.sql\.j2'\?.*sql"
    ):
        studio.render("w/two_wai.sql.j2")


@pytest.mark.parametrize("name", ["w/q.sql", "../q.sql.j2", "/etc/q.sql.j2"])
def test_a_path_that_is_no_template(studio, name):
    with pytest.raises(RenderError, match="is no template"):
        studio.render(name)


def test_an_unknown_dialect_names_the_nearest(studio):
    with pytest.raises(RenderError, match="sqlglot knows no dialect 'snowflak'; did you mean 'snowflake'"):
        studio.renderer("snowflak")


# ---- Jinja ----


def test_jinja_renders_structure(studio):
    studio.write("w/part.sql.j2", "{% macro both(name) %}{{ name }}, {{ name }}{% endmacro %}")
    text = (
        "{% from 'w/part.sql.j2' import both %}select {{ both('total') }} from {{ tables.orders }}"
        "{% if dialect == 'duckdb' %} where true{% endif %} -- {{ schema }} {{ table('customers') }}"
    )
    assert studio.sql(text, "duckdb")[0].startswith(
        "SELECT orders.total AS total, orders.total AS total FROM shop.orders"
    )
    assert studio.sql(text)[0].endswith("/* shop shop.customers */")


def test_a_bound_value_in_braces_is_refused(studio):
    message = (
        r"w/q\.sql\.j2, line 2, for postgres: 'floor' is a bound value, and values are bound as :floor; write :floor"
    )
    with pytest.raises(RenderError, match=message):
        studio.sql("select order_id from orders\nwhere total > {{ floor }}", params=["floor"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1\n{{ schemma }}", r"line 2.*'schemma' is undefined; did you mean 'schema'\?"),
        ("{{ tables.ordrs }}", r"line 1|no table 'ordrs'; did you mean 'orders'\?"),
        ("{{ table('ordrs') }}", r"no table 'ordrs'; did you mean 'orders'\?"),
        ("select 1\n\n{% if %}", "line 3.*Jinja"),
        ("{% include 'w/none.sql.j2' %}", "includes 'w/none.sql.j2', which is in no sql folder"),
        ("select {{ 1 / 0 }}", "line 1.*division by zero"),
        (" -- nothing\n", "no statement"),
    ],
)
def test_a_broken_template_says_where(studio, text, message):
    with pytest.raises(RenderError, match=message):
        studio.sql(text)


def test_every_refusal_names_template_dialect_line_and_remedy(studio):
    with pytest.raises(RenderError) as caught:
        studio.sql("{# a comment\nof two lines #}\nselect order_id\nfrom orders\nfor update", "snowflake")
    assert str(caught.value).startswith("w/q.sql.j2, line 3, for snowflake: FOR UPDATE")
    assert str(caught.value).endswith("or write w/q.snowflake.sql.j2, which is sent as it stands")


# ---- names ----


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select order_id from orders", "SELECT order_id FROM shop.orders"),
        ("select orders.order_id from orders", "SELECT orders.order_id FROM shop.orders"),
        ("select o.order_id from ORDERS o", "SELECT o.order_id FROM shop.ORDERS AS o"),
        (
            "with orders as (select order_id from orders) select order_id from orders",
            "WITH orders AS (SELECT order_id FROM shop.orders) SELECT order_id FROM orders",
        ),
        ("select order_id from shop.orders", "SELECT order_id FROM shop.orders"),
        ("delete from orders where order_id = 1", "DELETE FROM shop.orders WHERE order_id = 1"),
        ("insert into orders (order_id) values (1)", "INSERT INTO shop.orders (order_id) VALUES (1)"),
        ("select ctid from orders", "SELECT ctid FROM shop.orders"),
        (
            "with gone as (delete from orders returning order_id) select order_id from gone",
            "WITH gone AS (DELETE FROM shop.orders RETURNING order_id) SELECT order_id FROM gone",
        ),
    ],
)
def test_tables_of_the_dataset_get_their_schema(studio, text, expected):
    assert studio.sql(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select order_id from orders", "SELECT order_id FROM shop_orders"),
        ("select orders.order_id from orders", "SELECT orders.order_id FROM shop_orders AS orders"),
        ("select order_id from {{ tables.orders }}", "SELECT order_id FROM shop_orders"),
        ("update orders set pieces = orders.pieces", "UPDATE shop_orders AS orders SET pieces = orders.pieces"),
        ("insert into orders (order_id) values (1)", "INSERT INTO shop_orders (order_id) VALUES (1)"),
    ],
)
def test_without_schemas_they_get_a_prefix_and_keep_their_name(studio, text, expected):
    assert studio.sql(text, namespace=Namespace(schema="", prefix="shop_")) == [expected]


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "snowflake", "sqlite"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1\nfrom ordrs", r"line 2.*no table 'ordrs'; did you mean 'orders'\? it has customers, orders"),
        ("select 1 from other.orders", "no table 'other.orders'"),
        ("select order_id,\n  totl from orders", r"line 2.*no column 'totl'; did you mean 'total'\?"),
        ("select o.totl from orders o", r"no column 'o.totl'; did you mean 'total'\?"),
        ("select customer_id from orders, customers", "'customer_id' is in more than one table; write its table"),
        ("insert into orders (order_id,\n  totl) values (1, 2)", r"line 2.*no column 'totl'"),
        ("update orders set total = 1 where ordr_id = 1", r"no column 'ordr_id'; did you mean 'order_id'\?"),
        ("delete from orders where ordr_id = 1", r"no column 'ordr_id'"),
    ],
)
def test_unknown_names_are_refused(studio, dialect, text, message):
    with pytest.raises(RenderError, match=message):
        studio.sql(text, dialect)


def test_data_that_were_there_already_may_hold_more_than_is_declared(studio):
    text = "select x.a, o.total from elsewhere.things x join orders o on o.order_id = x.b"
    assert studio.sql(text, complete=False)[0].endswith(
        "elsewhere.things AS x JOIN shop.orders AS o ON o.order_id = x.b"
    )
    assert "shop.orders" in studio.sql(text, "duckdb", complete=False)[0]
    assert (
        studio.sql("select a, b from things, others", "snowflake", tables=())[0]
        == "SELECT a AS a, b AS b FROM things AS things, others AS others"
    )
    assert studio.sql("select 1 from {{ tables.things }}", complete=False) == ["SELECT 1 FROM shop.things"]


# ---- bound values ----

TWICE = "select :a as x, '100% :a' as y, 7 % 2 as z, :b::int + :a -- 5 % of :c"


@pytest.mark.parametrize(
    ("style", "sql", "parameters"),
    [
        ("dollar", "SELECT $1 AS x, '100% :a' AS y, 7 % 2 AS z, CAST($2 AS INT) + $1 /* 5 % of :c */", "ab"),
        ("qmark", "SELECT ? AS x, '100% :a' AS y, 7 % 2 AS z, CAST(? AS INT) + ? /* 5 % of :c */", "aba"),
        ("numeric", "SELECT :1 AS x, '100% :a' AS y, 7 % 2 AS z, CAST(:2 AS INT) + :1 /* 5 % of :c */", "ab"),
        ("named", "SELECT :a AS x, '100% :a' AS y, 7 % 2 AS z, CAST(:b AS INT) + :a /* 5 % of :c */", "ab"),
        ("format", "SELECT %s AS x, '100%% :a' AS y, 7 %% 2 AS z, CAST(%s AS INT) + %s /* 5 %% of :c */", "aba"),
        (
            "pyformat",
            "SELECT %(a)s AS x, '100%% :a' AS y, 7 %% 2 AS z, CAST(%(b)s AS INT) + %(a)s /* 5 %% of :c */",
            "ab",
        ),
    ],
)
def test_bound_values_as_the_driver_wants_them(studio, style, sql, parameters):
    statement = studio.statement(TWICE, style=style, params=["a", "b"])
    assert (statement.sql, "".join(statement.parameters)) == (sql, parameters)


@pytest.mark.parametrize("style", ["format", "pyformat"])
def test_a_percent_sign_stays_single_without_values(studio, style):
    assert studio.sql("select 7 % 2 as x, '%s' as y", style=style) == ["SELECT 7 % 2 AS x, '%s' AS y"]


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "snowflake", "sqlite"])
def test_an_override_is_touched_at_its_values_only(studio, dialect):
    text = "select  a::int, p:city, x[1:n], ':a' , /* :a; */ :a  -- it's :a\n , $$no :b; here$$ ;\n\n;Select 50 % :a;"
    if dialect == "sqlite":
        text = text.replace("$$", "'").replace("x[1:n], ", "")
    studio.write(f"w/q.{dialect}.sql.j2", text)
    rendered, audit = studio.render("w/q.sql.j2", dialect, "pyformat", ["a"])
    expected = text.split(" ;\n\n;")[0].replace("*/ :a", "*/ %(a)s")
    assert [statement.sql for statement in rendered.statements] == [expected, "Select 50 %% %(a)s"]
    assert [row.verdict for row in audit] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "select 1 as one\nwhere 1 = :amount",
            r"line 2.*no.* value for :amount in operation 'q'; did you mean 'amuont'\?",
        ),
        ("select 1", "the parameter 'amuont' of operation 'q' is never used; write :amuont"),
        ("select :amuont + $1", "'\\$1' is no bound value of a template; write bound values as :name"),
        ("select :amuont + ?", "'\\?' is no bound value"),
        ("select :amuont + %s", "is no bound value|cannot read it"),
        ("select :amuont, %(other)s", "'other' is not written as :other"),
    ],
)
def test_values_and_samplers_must_fit(studio, text, message):
    with pytest.raises(RenderError, match=message):
        studio.sql(text, params=["amuont"])


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "snowflake", "sqlite"])
def test_a_value_lost_in_an_interval_is_refused(studio, dialect):
    with pytest.raises(
        RenderError, match=r":n would be lost in a text in quotes, as in INTERVAL :n DAY; .*or write w/q"
    ):
        studio.sql("select ordered_at - interval :n day from orders", dialect, params=["n"])


def test_a_value_within_quotes_is_none(studio):
    with pytest.raises(RenderError, match="'n' of operation 'q' is never used"):
        studio.sql("select ordered_at - interval ':n days' from orders", params=["n"])


# ---- what a statement is ----


@pytest.mark.parametrize(
    ("text", "returns_rows", "read_only", "order_by"),
    [
        ("select order_id, total from orders order by total desc, 1", True, True, (1, 0)),
        ("select o.order_id from orders o order by o.order_id", True, True, (0,)),
        ("select order_id from orders order by total", True, True, None),
        ("select order_id from orders", True, True, None),
        ("select * from orders order by total, order_id", True, True, (3, 0)),
        ("select status, count(*) from orders group by 1 order by count(*) desc, status", True, True, (1, 0)),
        ("select order_id from orders union select customer_id from customers order by order_id", True, True, (0,)),
        ("select order_id from orders for update", True, False, None),
        ("with d as (delete from orders returning order_id) select order_id from d", True, False, None),
        ("insert into orders (order_id) values (1)", False, False, None),
        ("insert into orders (order_id) values (1) returning order_id", True, False, None),
        ("update orders set total = 0", False, False, None),
        ("delete from orders", False, False, None),
    ],
)
def test_the_nature_of_a_statement(studio, text, returns_rows, read_only, order_by):
    studio.write("w/q.sql.j2", text)
    rendered, _ = studio.render("w/q.sql.j2")
    statement = rendered.statements[0]
    assert (statement.returns_rows, rendered.read_only, statement.order_by) == (returns_rows, read_only, order_by)


@pytest.mark.parametrize(
    ("text", "returns_rows", "read_only"),
    [
        ("select a from t order by a", True, True),
        ("pragma table_info(t)", True, True),
        ("vacuum analyze t", False, False),
        ("explain select 1", True, True),
        ("some words that nobody can read ((", False, False),
    ],
)
def test_the_nature_of_an_override_even_when_it_cannot_be_read(studio, text, returns_rows, read_only):
    studio.write("w/q.postgres.sql.j2", text)
    rendered, _ = studio.render("w/q.sql.j2")
    assert (rendered.statements[0].returns_rows, rendered.read_only) == (returns_rows, read_only)


def test_an_operation_keeps_what_was_declared(studio):
    studio.write("w/q.sql.j2", "select 1; select 2")
    operation = Operation(
        name="q", template="w/q.sql.j2", transactional=True, isolation="serializable", timeout_s=3, retries=2
    )
    rendered, audit = studio.renderer("duckdb").render_operation(operation)
    kept = (rendered.transactional, rendered.isolation, rendered.timeout_s, rendered.retries, len(rendered.statements))
    assert kept == (True, "serializable", 3, 2, 2)
    assert [(row.statement, row.rendered, row.sql, row.dialect, row.origin) for row in audit] == [
        (0, "select 1", 'SELECT 1 AS "1"', "duckdb", "transpiled"),
        (1, "select 2", 'SELECT 2 AS "2"', "duckdb", "transpiled"),
    ]
    assert all(row.source == "select 1; select 2" and row.sqlglot_version for row in audit)


# ---- beside the operations ----


def test_the_canonical_text_is_the_same_for_every_backend(studio):
    studio.write("w/q.sql.j2", "select 1 from {{ tables.orders }} where '{{ dialect }}' = :a\n")
    studio.write("w/q.duckdb.sql.j2", "select 2 where :a")
    operation = Operation(name="q", template="w/q.sql.j2", params={"a": Constant(value=1)})
    renderers = [
        studio.renderer("duckdb"),
        studio.renderer("sqlite", namespace=Namespace(schema="", prefix="shop_")),
        studio.renderer("snowflake"),
    ]
    assert {each.canonical_text(operation) for each in renderers} == {"select 1 from orders where 'postgres' = :a"}


def test_an_operation_with_overrides_only_is_known_by_them(studio):
    studio.write("w/q.duckdb.sql.j2", "select 2")
    assert studio.renderer("duckdb").canonical_text(Operation(name="q", template="w/q.sql.j2")) == "select 2"
    with pytest.raises(RenderError, match=r"no template 'w/q\.sql\.j2'; did you mean 'w/q\.duckdb\.sql\.j2'\?"):
        studio.render("w/q.sql.j2", "snowflake")


def test_templates_that_include_each_other_without_end(studio):
    studio.write("w/other.sql.j2", "{% include 'w/q.sql.j2' %}")
    with pytest.raises(RenderError, match=r"w/q\.sql\.j2, for postgres: it includes itself without end"):
        studio.sql("{% include 'w/other.sql.j2' %}")


def test_the_schema_of_an_engine_without_schemas_is_its_prefix(studio):
    text = "select count(*) as n from {{ schema }}.orders{% if schema %} where true{% endif %}"
    studio.write("w/q.sql.j2", text)
    studio.write("w/q.sqlite.sql.j2", text)
    studio.write("shop/schema.sql.j2", "create table {{ schema }}.orders (a int) -- in '{{ schema }}'")
    sqlite = studio.renderer("sqlite", namespace=Namespace(schema="", prefix="shop_"))
    (statement,) = studio.render("w/q.sql.j2", "sqlite", namespace=Namespace(schema="", prefix="shop_"))[0].statements
    assert statement.sql == "select count(*) as n from shop_orders"
    assert sqlite.render_schema("shop", "sqlite") == ("create table shop_orders (a int) -- in ''",)
    operation = Operation(name="q", template="w/q.sql.j2")
    assert sqlite.canonical_text(operation) == studio.renderer().canonical_text(operation)


def test_a_schema_template_is_optional_and_a_backends_own_wins(studio):
    renderer = studio.renderer("duckdb")
    assert renderer.render_schema("shop", "duck") == ()
    studio.write("shop/schema.sql.j2", "create table {{ tables.orders }} (a int); -- one\ncreate table b (c int);")
    assert renderer.render_schema("shop", "duck") == (
        "create table shop.orders (a int)",
        "-- one\ncreate table b (c int)",
    )
    studio.write("shop/schema.duck.sql.j2", "create table mine (a int)")
    assert renderer.render_schema("shop", "duck") == ("create table mine (a int)",)
    assert len(renderer.render_schema("shop", "other")) == 2


@pytest.mark.alone
def test_rendering_is_quick(studio):
    studio.write(
        "w/q.sql.j2", "select o.order_id, c.name from orders o join customers c using (customer_id) order by 1"
    )
    renderer = studio.renderer("snowflake")
    operation = Operation(name="q", template="w/q.sql.j2")
    renderer.render_operation(operation)
    begin = time.perf_counter()
    for _ in range(20):
        renderer.render_operation(operation)
    assert time.perf_counter() - begin < 1
