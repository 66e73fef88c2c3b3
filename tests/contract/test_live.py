"""The contract in a real account: whether it was asked for, and where it then runs."""

import pytest

import live_account
from bench.backends.snowflake_facts import EMULATOR_REGION
from bench.model import Namespace
from live_account import ACCOUNT


@pytest.mark.live
@pytest.mark.parametrize("case", live_account.CASES)
def test_the_contract_is_run_in_an_account(case, request, build):
    if not live_account.asked(request.config.getoption("markexpr")):
        pytest.skip(live_account.NOT_ASKED)
    cases = {item.callspec.params.get("provisioned") for item in request.session.items if hasattr(item, "callspec")}
    assert f"{live_account.PREFIX}{case}" in cases
    option = "snowpark" if case == "snowpark" else "snowflake"
    backend = build(option, ACCOUNT.overrides(case))
    with backend.open(Namespace(schema="")) as database:
        facts = database.facts()
    assert (facts["region"] == EMULATOR_REGION) == ACCOUNT.emulated
    assert facts["setting.USE_CACHED_RESULT"] == "false"
