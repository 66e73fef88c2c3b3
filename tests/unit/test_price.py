"""Costs against closed forms reckoned by hand, and what must hold for any figures."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config import Sources, compose
from bench.errors import ConfigError
from bench.model import ComputeFacts, ComputeKind
from bench.price import HourlyCost, HourlyPrice, InstancePrice, PriceByCompute, Usage, WarehousePrice, break_even
from bench.price.warehouse import CloudServices, RowRequests, Storage

CONF = Path(__file__).resolve().parents[2] / "conf"
CREDITS = {"X-Small": 1, "Small": 2, "Medium": 4, "2X-Large": 32, "6X-Large": 512}
LIST = WarehousePrice(
    name="list", cloud="aws", edition="plain", usd_per_credit_by_edition={"plain": 2.0, "better": 3.0},
    credits_per_hour=CREDITS, generation_ratio={"gen1": {"aws": 1, "azure": 1}, "gen2": {"aws": 1.35, "azure": 1.25}},
    generation_sizes={"gen2": ("X-Small", "Small", "Medium", "2X-Large")},
)  # fmt: skip
SMALL = ComputeFacts(kind=ComputeKind.WAREHOUSE, size="X-Small", generation="gen1", clusters=1, auto_suspend_s=0)


def cost(price=LIST, run_s=3600.0, data_s=0.0, **facts):
    return price.cost(Usage(run_s=run_s, data_s=data_s, compute=replace(SMALL, **facts)))


class TestWarehouse:
    def test_an_hour_of_the_smallest_is_one_credit(self):
        found = cost()
        assert (found.credits, found.usd, found.billed_s) == (1.0, 2.0, 3600.0)
        nothing = dict.fromkeys(("data", "idle_tail", "minimum", "cloud_services", "row_requests", "storage"), 0)
        assert found.parts_usd == nothing | {"warehouse": 2.0}

    @pytest.mark.parametrize(("size", "credits"), CREDITS.items())
    def test_sizes(self, size, credits):
        assert cost(size=size).credits == credits

    def test_a_short_run_pays_a_minute(self):
        found = cost(run_s=15)
        assert found.billed_s == 60
        assert found.credits == pytest.approx(60 / 3600)
        assert found.parts_usd["warehouse"] == pytest.approx(2 * 15 / 3600)
        assert found.parts_usd["minimum"] == pytest.approx(2 * 45 / 3600)

    def test_a_minute_for_each_start(self):
        found = LIST.cost(Usage(run_s=15, starts=2, compute=SMALL))
        assert found.billed_s == 120
        assert "starts it 2 times; at least 120 s" in found.assumptions[2]

    def test_the_idle_tail_counts_against_the_minimum(self):
        found = cost(run_s=15, auto_suspend_s=30)
        assert found.billed_s == 60
        assert found.parts_usd["idle_tail"] == pytest.approx(2 * 30 / 3600)
        assert found.parts_usd["minimum"] == pytest.approx(2 * 15 / 3600)

    def test_the_idle_tail_of_a_long_run(self):
        assert cost(run_s=3600, auto_suspend_s=600).credits == pytest.approx(1 + 1 / 6)
        assert cost(replace(LIST, idle_tail_s=60), run_s=3600, auto_suspend_s=600).credits == pytest.approx(1 + 1 / 60)

    def test_the_second_generation_costs_more_and_not_the_same_in_each_cloud(self):
        assert cost(size="Small", generation="gen2").credits == pytest.approx(2 * 1.35)
        assert cost(replace(LIST, cloud="azure"), size="Small", generation="gen2").credits == pytest.approx(2 * 1.25)

    def test_each_cluster_is_paid(self):
        assert cost(size="Medium", clusters=3, generation="gen2").credits == pytest.approx(4 * 3 * 1.35)

    @pytest.mark.parametrize(("assumed", "charged"), [(0.0, 0.0), (0.1, 0.0), (0.15, 0.05), (0.3, 0.2)])
    def test_cloud_services_are_charged_above_what_is_free(self, assumed, charged):
        found = cost(replace(LIST, cloud_services=CloudServices(assumed_ratio=assumed)), size="Medium")
        assert found.parts_usd["cloud_services"] == pytest.approx(4 * 2 * charged)
        assert found.running_usd_per_hour == pytest.approx(4 * 2 * (1 + charged))

    def test_storage_by_the_hour(self):
        price = replace(LIST, storage=Storage(usd_per_tb_month=73, row_usd_per_gb_month=0.73))
        found = cost(price, run_s=1800, stored_bytes=2 * 10**12, row_stored_bytes=50 * 10**9)
        assert found.fixed_usd_per_hour == pytest.approx(2 * 0.1 + 50 * 0.001)
        assert found.parts_usd["storage"] == pytest.approx(0.125)

    def test_requests_to_row_storage(self):
        price = replace(LIST, row_requests=RowRequests(credits_per_gb_read=0.5, credits_per_gb_written=2))
        found = price.cost(Usage(run_s=3600, compute=SMALL, row_read_bytes=4 * 10**9, row_written_bytes=10**9))
        assert found.credits == pytest.approx(1 + 2 + 2)
        assert any("Requests" in text for text in cost(price).assumptions)

    def test_the_users_own_price_of_a_credit(self):
        assert cost(replace(LIST, edition="better")).usd == 3.0
        found = cost(replace(LIST, edition="better", usd_per_credit=1.7))
        assert found.usd == pytest.approx(1.7)
        assert "1.7 USD, your own figure" in found.assumptions[0]

    def test_bringing_in_the_data_is_a_part_of_its_own(self):
        found = cost(run_s=360, data_s=720)
        assert found.parts_usd["data"] == pytest.approx(0.4)
        assert found.run_usd == pytest.approx(0.2)

    @pytest.mark.parametrize(
        ("facts", "word"),
        [
            ({"kind": ComputeKind.INSTANCE}, "this backend runs on none"),
            ({"size": None}, "does not tell the size of its warehouse; say it with price.size="),
            ({"size": "Huge"}, "has no size 'Huge'; it has X-Small"),
            ({"generation": None}, "does not tell the generation"),
            ({"generation": "gen3"}, "has no generation 'gen3' on aws"),
            ({"generation": "gen2", "size": "6X-Large"}, "has no size '6X-Large' of generation 'gen2'"),
        ],
    )
    def test_what_is_not_known_gives_no_cost_and_a_reason(self, facts, word):
        assert cost(**facts) is None
        assert word in LIST.refusal(replace(SMALL, **facts))

    def test_the_user_may_say_what_the_engine_does_not(self):
        price = replace(LIST, size="small", generation="gen2")
        found = cost(price, size=None, generation=None, clusters=None)
        assert found.credits == pytest.approx(2.7)
        assert "size and generation and clusters not told by the engine" in found.assumptions[1]

    @pytest.mark.parametrize("spelled", ["2X-Large", "2XLARGE", "xxlarge", "X2LARGE", "2x_large"])
    def test_sizes_in_any_spelling(self, spelled):
        assert cost(size=spelled).credits == 32

    @settings(deadline=None)
    @given(
        seconds=st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), tail_s=st.floats(0, 3600), clusters=st.integers(1, 10),
        kind=st.tuples(st.sampled_from(["X-Small", "Medium", "2X-Large"]), st.sampled_from(["gen1", "gen2"])),
        assumed=st.floats(0, 1),
    )  # fmt: skip
    def test_whatever_the_figures(self, *, seconds, tail_s, clusters, kind, assumed):
        price = replace(LIST, cloud_services=CloudServices(assumed_ratio=assumed))
        facts = {"size": kind[0], "generation": kind[1], "clusters": clusters, "auto_suspend_s": tail_s}
        short, long = cost(price, run_s=seconds[0], **facts), cost(price, run_s=sum(seconds), **facts)
        assert long.usd >= short.usd * (1 - 1e-12)
        assert short.billed_s >= 60
        assert short.usd == pytest.approx(sum(short.parts_usd.values()))
        assert min(short.parts_usd.values()) >= 0
        twice = cost(price, run_s=seconds[0], **facts | {"clusters": 2 * clusters})
        assert twice.credits == pytest.approx(2 * short.credits)


class TestInstance:
    def test_an_hour_with_storage_replica_and_backup(self):
        price = InstancePrice(
            name="i",
            usd_per_hour=0.5,
            instances=2,
            storage_usd_per_gb_month=0.073,
            provisioned_gb=100,
            backup_ratio=0.5,
        )
        found = price.cost(Usage(data_s=1800, run_s=1800))
        assert found.parts_usd == pytest.approx({"data": 0.5, "instance": 0.5, "storage": 0.02, "backup": 0.005})
        assert (found.usd, found.credits) == (pytest.approx(1.025), None)
        assert (found.fixed_usd_per_hour, found.running_usd_per_hour) == (pytest.approx(1.025), 0)

    def test_without_provisioned_storage_the_tables_count(self):
        price = InstancePrice(name="i", usd_per_hour=0, storage_usd_per_gb_month=0.73)
        assert price.cost(Usage(run_s=3600, compute=ComputeFacts(stored_bytes=10**10))).usd == pytest.approx(0.01)
        assert "Storage is not counted" in price.cost(Usage(run_s=3600)).assumptions[1]

    def test_no_price_no_cost(self):
        assert HourlyPrice(name="none").cost(Usage(run_s=1)) is None

    def test_1000_operations(self):
        found = HourlyPrice(name="h", usd_per_hour=3.6).cost(Usage(run_s=7))
        assert found.usd_per_1000_operations(10.0) == pytest.approx(0.1)
        assert found.usd_per_1000_operations(0.0) is None


def test_each_backend_is_priced_by_the_list_of_its_kind():
    both = PriceByCompute(name="both", instance=InstancePrice(name="i", usd_per_hour=7), warehouse=LIST)
    assert both.cost(Usage(run_s=3600)).usd == 7
    assert both.cost(Usage(run_s=3600, compute=SMALL)).usd == 2
    assert "price.size" in both.refusal(replace(SMALL, size=None))
    assert both.listed(SMALL).name == "list"


def line(name, fixed, each, most=1e9):
    return HourlyCost(name=name, fixed_usd_per_hour=fixed, usd_per_operation=each, max_operations_per_hour=most)


class TestBreakEven:
    def test_a_server_against_a_warehouse(self):
        found = break_even(line("server", 0.5, 0), line("warehouse", 0.1, 0.001))
        assert found.operations_per_hour == pytest.approx(400)
        assert found.usd_per_hour == pytest.approx(0.5)
        assert (found.cheaper_below, found.cheaper_above) == ("warehouse", "server")

    def test_beyond_what_both_can_serve_there_is_none(self):
        found = break_even(line("server", 0.5, 0), line("warehouse", 0.1, 0.001, most=300))
        assert (found.operations_per_hour, found.cheaper_below, found.cheaper_above) == (None, "warehouse", "warehouse")
        assert found.common_operations_per_hour == 300

    @pytest.mark.parametrize(
        ("one", "other", "cheaper"),
        [
            (line("a", 1, 0), line("b", 2, 0), "a"),
            (line("a", 1, 0), line("b", 1, 0), ""),
            (line("a", 1, 0.1), line("b", 1, 0.2), "a"),
            (line("a", 1, 0.2), line("b", 0.5, 0.1), "b"),
        ],
    )
    def test_one_may_be_cheaper_at_any_rate(self, one, other, cheaper):
        found = break_even(one, other)
        assert (found.operations_per_hour, found.cheaper_below) == (None, cheaper)
        assert break_even(other, one).cheaper_below == cheaper

    @settings(deadline=None)
    @given(*[st.floats(0, 1e3)] * 2, *[st.floats(0, 1)] * 2)
    def test_at_the_break_even_both_cost_the_same(self, fixed, other_fixed, each, other_each):
        one, other = line("a", fixed, each), line("b", other_fixed, other_each)
        found = break_even(one, other)
        if found.operations_per_hour is None:
            cheaper, dearer = (one, other) if found.cheaper_below == "a" else (other, one)
            for rate in (0, 1e3, 1e9):
                assert cheaper.usd_per_hour(rate) <= dearer.usd_per_hour(rate) * (1 + 1e-9) + 1e-9
        else:
            rate = found.operations_per_hour
            assert one.usd_per_hour(rate) == pytest.approx(other.usd_per_hour(rate))
            below = {"a": one, "b": other}
            low, high = below[found.cheaper_below], below[found.cheaper_above]
            assert low.usd_per_hour(0) < high.usd_per_hour(0)
            assert low.usd_per_hour(2 * rate) >= high.usd_per_hour(2 * rate) * (1 - 1e-9)


def composed(*words):
    (config,) = compose(words, Sources(main=CONF))
    return config.price


class TestLists:
    def test_the_sizes_double(self):
        credits = list(composed("price=snowflake").credits_per_hour.values())
        assert credits == [2**power for power in range(10)]

    def test_each_list_says_where_and_when_it_is_from(self):
        price = composed("price=snowflake")
        assert price.source
        assert price.version
        assert price.as_of.startswith("202")

    def test_ones_own_figures(self):
        assert composed("price=snowflake", "price.edition=standard").credit_usd == 2
        assert composed("price=snowflake", "price.usd_per_credit=2.6").credit_usd == 2.6
        both = composed("price=by_compute", "price.instance.usd_per_hour=0.3", "price.warehouse.usd_per_credit=2")
        assert (both.instance.usd_per_hour, both.warehouse.credit_usd) == (0.3, 2)

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["price=snowflake", "price.edition=enterprize"], "price.edition: there is no edition 'enterprize'"),
            (["price=snowflake", "price.edition=enterprize"], "did you mean 'enterprise'?"),
            (["price=snowflake", "price.size=Hug"], "price.size: there is no size 'Hug'; there are X-Small"),
            (["price=snowflake", "price.generation=gen9"], "price.generation: there is no generation 'gen9'"),
            (["price=snowflake", "price.cloud=moon"], "price.cloud: there is no cloud 'moon'"),
            (["price=snowflake", "price.usd_per_credit=-1"], "price.usd_per_credit: -1 is too small"),
            (
                ["price=snowflake", "price.storage.usd_per_tb_month=-1"],
                "price.storage.usd_per_tb_month: -1 is too small",
            ),
            (["price=postgres"], "price.usd_per_hour: needs a value"),
            (["price=postgres", "price.usd_per_hour=-2"], "price.usd_per_hour: -2 is too small"),
            (["price=by_compute"], "price.instance.usd_per_hour: needs a value"),
            (
                [
                    "price=by_compute",
                    "price.instance.usd_per_hour=1",
                    "price.instance._target_=bench.price.HourlyPrice",
                ],
                "price.instance._target_: 'bench.price.HourlyPrice' is no InstancePrice",
            ),
        ],
    )
    def test_wrong_figures_are_one_sentence(self, words, sentence):
        with pytest.raises(ConfigError) as raised:
            composed(*words)
        assert sentence in str(raised.value)
