"""Values that are bound arrive to the last digit, whichever of the backends sends them."""

from datetime import datetime

import pytest

from bench.backends.snowflake import SnowflakeBackend
from bench.backends.snowflake_auth import Anybody
from bench.backends.snowpark import SnowparkBackend
from bench.model import Namespace, Statement

ASKED = Statement(sql="SELECT CAST(? AS TIMESTAMP_NTZ) AS t", parameters=("t",), returns_rows=True, order_by=())
MOMENTS = (
    datetime(2026, 1, 1, 0, 0, 0, 123457),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    datetime.min.replace(microsecond=1),
)


@pytest.mark.parametrize("kind", [SnowflakeBackend, SnowparkBackend])
def test_a_moment_far_from_1970_keeps_its_microseconds(emulator, kind):
    backend = kind(
        name="emulated", emulated=True, auth=Anybody(), account="emulator", user="tester",
        host="127.0.0.1", port=emulator.port, protocol="http", warehouse="COMPUTE_WH", database="BENCH",
    )  # fmt: skip
    with backend.open(Namespace(schema="public")) as database, database.session() as session:
        call = session.prepare(ASKED)
        assert [call((moment,))[0][0] for moment in MOMENTS] == list(MOMENTS)
