"""Where fakesnow has no seam its modules are changed here, each change with its reason, when the emulator starts."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from fakesnow import info_schema, transforms
from fakesnow.transforms import show

if TYPE_CHECKING:
    from sqlglot import exp


def apply() -> None:
    """Make all changes; doing it twice changes nothing more."""
    # fakesnow casts what is summed to a double, so that texts can be summed too; sums of NUMBER must stay exact.
    transforms.numeric_agg_implicit_cast = _unchanged
    # It knows one kind of table; ours are standard, transient or hybrid, with clustering keys.
    info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW = Template(TABLES_VIEW)
    show.SQL_CREATE_VIEW_SHOW_TABLES = SHOW_TABLES_VIEW


def _unchanged(expression: exp.Expr) -> exp.Expr:
    return expression


KINDS = "_fs_global._fs_information_schema._emulator_tables"
"""The catalogue's table of kinds; see `bench.emulator.catalogue`."""
CREATE_KINDS = f"""
create table if not exists {KINDS} (
    database_name varchar, schema_name varchar, table_name varchar,
    kind varchar, clustering_key varchar,
    primary key (database_name, schema_name, table_name)
)
"""
CREATE_INDEXES = """
create table if not exists _fs_global._fs_information_schema._emulator_indexes (
    created_on timestamptz, database_name varchar, schema_name varchar, table_name varchar,
    name varchar, is_unique boolean, columns varchar[], included varchar[],
    primary key (database_name, schema_name, table_name, name)
)
"""
TABLES_VIEW = f"""
create or replace view ${{catalog}}._fs_information_schema._fs_tables as
select
    here.database_name as "TABLE_CATALOG", here.schema_name as "TABLE_SCHEMA", here.table_name as "TABLE_NAME",
    'SYSADMIN' as "TABLE_OWNER", here.table_type as "TABLE_TYPE",
    case when kinds.kind = 'TRANSIENT' then 'YES' else 'NO' end as "IS_TRANSIENT",
    'LINEAR(' || kinds.clustering_key || ')' as "CLUSTERING_KEY",
    here.estimated_size as "ROW_COUNT", here.estimated_size * here.column_count * 8 as "BYTES",
    1 as "RETENTION_TIME",
    to_timestamp(0)::timestamptz as "CREATED", to_timestamp(0)::timestamptz as "LAST_ALTERED",
    to_timestamp(0)::timestamptz as "LAST_DDL", 'SYSADMIN' as "LAST_DDL_BY",
    'NO' as "AUTO_CLUSTERING_ON", notes.comment as "COMMENT",
    case when here.temporary then 'YES' else 'NO' end as "IS_TEMPORARY",
    'NO' as "IS_ICEBERG", 'NO' as "IS_DYNAMIC", 'NO' as "IS_IMMUTABLE",
    case when kinds.kind = 'HYBRID' then 'YES' else 'NO' end as "IS_HYBRID"
from (
    select database_name, schema_name, table_name, 'BASE TABLE' as table_type,
           estimated_size, column_count, temporary
    from duckdb_tables()
    union all
    select database_name, schema_name, view_name, 'VIEW', null, null, false
    from duckdb_views() where not internal
) here
left join _fs_global._fs_information_schema._fs_tables_ext notes
    on here.database_name = notes.ext_table_catalog and here.schema_name = notes.ext_table_schema
    and here.table_name = notes.ext_table_name
left join {KINDS} kinds
    on here.database_name = kinds.database_name and here.schema_name = kinds.schema_name
    and here.table_name = kinds.table_name
where here.database_name = '${{catalog}}' and here.schema_name != '_fs_information_schema'
"""
SHOW_TABLES_VIEW = f"""
{CREATE_KINDS};
create or replace view _fs_global._fs_information_schema._fs_show_tables as
select
    to_timestamp(0)::timestamptz as created_on, here.table_name as name, here.database_name, here.schema_name,
    case when kinds.kind = 'TRANSIENT' then 'TRANSIENT' else 'TABLE' end as kind,
    '' as comment, coalesce('LINEAR(' || kinds.clustering_key || ')', '') as cluster_by,
    here.estimated_size as rows, here.estimated_size * here.column_count * 8 as bytes,
    'SYSADMIN' as owner, 1 as retention_time, 'OFF' as automatic_clustering, 'OFF' as change_tracking,
    'N' as is_external, 'N' as enable_schema_evolution, 'ROLE' as owner_role_type, 'N' as is_event,
    case when kinds.kind = 'HYBRID' then 'Y' else 'N' end as is_hybrid,
    'N' as is_iceberg, 'N' as is_dynamic, 'N' as is_immutable
from duckdb_tables() here
left join {KINDS} kinds
    on here.database_name = kinds.database_name and here.schema_name = kinds.schema_name
    and here.table_name = kinds.table_name
where here.schema_name != '_fs_information_schema' and here.database_name not in ('_fs_global', 'memory', 'temp')
"""
