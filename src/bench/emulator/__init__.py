"""An emulator of Snowflake's service, over HTTP on this machine, so that its path can be walked without an account.

`python -m bench.emulator` serves; `bench.backends.emulator_process` starts that and ends it. The real drivers talk to
it as they would to the service. The dialect is translated by fakesnow and sqlglot, the data lie in DuckDB, and what
neither knows is added here: sessions, warehouses, hybrid tables, the query history, cancelling. Times and costs of it
say nothing about the service, and `CURRENT_REGION()` is EMULATOR so that nobody takes it for that.

Nobody imports this package, so that its modules may import heavily; only it imports fakesnow, starlette and uvicorn.

    app, wire                  HTTP and Snowflake's JSON
    sessions, execute          who asks, and how one statement is carried out
    statement, words           reading it: by the grammar, or word by word where that has no rule
    warehouse_statements, parameters, indexes, stages, databases, explain, describe     what is answered beside the data
    tables, transactions, rewrites, functions, views        what is changed in a statement before DuckDB sees it
    account, catalogue, warehouses, history, kept           what is remembered
    engine, patches            fakesnow underneath
    results, values, errors    what comes back

What it cannot do as the service does:

    ================================  ================================================================================
    in Snowflake                      here
    ================================  ================================================================================
    a second writer waits             it is refused at once with 625, SQLSTATE 57014 (DuckDB is optimistic)
    READ COMMITTED                    a transaction sees the data of its first statement
    a failed statement leaves its     it ends the transaction; every statement but ROLLBACK is refused with 9998,
    transaction open                  SQLSTATE 25P02
    one transaction, many databases   one database for each transaction
    1/0 is an error                   infinity
    AVG and `/` of NUMBER are NUMBER  DOUBLE; SUM, MIN, MAX, ROUND, `+`, `-` and `*` are exact
    NUMBER(38, 0) has 38 digits       64 bits
    indexes                           declared and listed, not used
    keys of standard tables           not listed by SHOW PRIMARY KEYS
    warehouses                        a model: they run, resume and suspend, but neither queue nor stop by themselves
    roles                             any name; RESTRICTED may make neither warehouse, database nor schema
    passwords, keys, tokens           any
    compile, queue and scan figures   0; WAREHOUSE_METERING_HISTORY is empty; histories have no delay
    session variables (`SET x = 1`),  refused
    INSERT OVERWRITE
    INFER_SCHEMA, and with it         refused
    write_pandas that makes a table
    procedures, tasks, GRANT, GET     refused
    a statement over several          refused with 8 (the service does so too unless MULTI_STATEMENT_COUNT says else)
    ================================  ================================================================================

Numbers of errors that were not seen at the service, but are written from memory or documentation: 391480, 391409,
200001, 200009, 625 (for a conflict of writes), 90117.
"""
