"""Composing, checking and freezing the configuration, with the real YAML files and the real Hydra."""

import dataclasses
import json
from pathlib import Path

import pytest

from bench.cell import CellOutcome
from bench.config import (
    GROUPS,
    Sources,
    build,
    compose,
    config_hash,
    option_file,
    options,
    own_directory,
    quoted,
    read_request,
    run,
)
from bench.config.overrides import Override, refuse_secrets
from bench.errors import ConfigError
from bench.load import ClosedLoop, LoadProfile
from bench.workload import Workload

CONF = Path(__file__).resolve().parents[2] / "conf"
SOURCES = Sources(main=CONF)
EVERY_OPTION = [(path.parent.name, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
NEEDED = {
    ("price", "hourly"): ["price.usd_per_hour=0.5"],
    ("price", "postgres"): ["price.usd_per_hour=0.5"],
    ("price", "by_compute"): ["price.instance.usd_per_hour=0.5"],
}
"""What an option leaves to the user."""
SEEDS = ("++seed=1", "++seed=2", "++seed=3")


def one(*words, sources=SOURCES):
    (config,) = compose(words, sources)
    return config


def wrong(*words, multirun=False, sources=SOURCES):
    with pytest.raises(ConfigError) as raised:
        compose(words, sources, multirun=multirun)
    return str(raised.value)


@pytest.fixture
def mine(tmp_path):
    """A user's own folder: conf/ with a workload, and sql/ beside it."""
    (tmp_path / "conf" / "workload").mkdir(parents=True)
    (tmp_path / "sql").mkdir()
    (tmp_path / "conf" / "workload" / "mine.yaml").write_text(
        "operations:\n  - {name: count, template: mine/count.sql.j2}\n", encoding="utf-8"
    )
    return tmp_path


class TestOptions:
    @pytest.mark.parametrize(("group", "option"), EVERY_OPTION)
    def test_every_yaml_composes_and_builds(self, group, option):
        config = one(f"{group}={option}", *NEEDED.get((group, option), []))
        assert config.choices[group] == option
        assert len(config.config_hash) == 64

    def test_all_groups_have_options(self):
        found = options(SOURCES)
        assert set(found) == set(GROUPS)
        assert "null" in found["backend"]
        assert option_file("load", "closed", SOURCES) == CONF / "load" / "closed.yaml"

    @pytest.mark.parametrize(("group", "option"), EVERY_OPTION)
    def test_every_yaml_begins_by_saying_what_it_is_for(self, group, option):
        from bench.commands.list import description

        assert len(description(CONF / group / f"{option}.yaml")) > 5

    def test_conf_of_the_repository_is_found_from_the_package(self):
        import bench

        assert own_directory(Path(bench.__file__).parent).resolve() == CONF


class TestOverrides:
    def test_a_key_that_no_yaml_mentions_is_taken(self):
        assert one("load.iterations=7").load.iterations == 7

    def test_prefixes_mean_the_same_for_a_key(self):
        assert one("+load.think_time_s=1").load == one("load.think_time_s=1").load

    def test_null_is_an_option_of_backend(self):
        assert one("backend=null").choices["backend"] == "null"
        assert [c.choices["backend"] for c in compose(["backend=null,duckdb"], SOURCES, multirun=True)] == [
            "null",
            "duckdb",
        ]

    def test_words_for_hydra_are_words_for_us_again(self):
        from bench.config.compose import opened
        from bench.config.words import Words

        with opened(SOURCES) as hydra:
            words = Words(hydra.config_loader)
            once = words.checked(["backend=null", "load.clients=3", "label=a b", "hydra.verbose=true"])
            assert words.checked(once) == once
        assert once == ["backend='null'", "++load.clients=3", "++label='a b'", "hydra.verbose=true"]

    def test_a_sweep_is_the_product_in_the_order_given(self):
        cells = compose(["backend=duckdb,null", "load.clients=1,2"], SOURCES, multirun=True)
        assert [(cell.choices["backend"], cell.load.clients) for cell in cells] == [
            ("duckdb", 1), ("duckdb", 2), ("null", 1), ("null", 2),
        ]  # fmt: skip

    def test_one_weight_can_be_set_where_the_yaml_has_no_mix(self):
        without = one("workload=joins", "workload.mix.two_way=0").workload
        assert "two_way" not in [operation.name for operation in without.asked]
        assert {without.weight(operation.name) for operation in without.asked} == {1.0}
        assert one("workload=joins", "workload.mix.two_way=3").workload.weight("two_way") == 3

    def test_texts_stay_texts(self):
        assert one("label=17").label == "17"
        assert one("home=/data/it's here").home == Path("/data/it's here")

    @pytest.mark.parametrize("text", ["plain", "it's", "back\\slash", "ends with \\", "\\'", "a,b=c{d}[e]"])
    def test_quoted_text_comes_back_as_it_was(self, text):
        from bench.config.words import _parse

        assert _parse(f"label={quoted(text)}").value() == text

    def test_taking_a_word_apart(self):
        assert Override.parse("++load.clients=a=b") == Override(prefix="++", key="load.clients", value="a=b")
        assert Override.parse("~price").value is None
        assert str(Override.parse("~price")) == "~price"

    def test_an_experiment_may_hold_a_sweep_of_which_one_axis_is_replaced(self, mine):
        (mine / "conf" / "experiment").mkdir()
        (mine / "conf" / "experiment" / "steps.yaml").write_text(
            "# @package _global_\ndefaults:\n  - override /backend: duckdb\n"
            "hydra: {mode: MULTIRUN, sweeper: {params: {load.clients: '1,2'}}}\n",
            encoding="utf-8",
        )
        sources = Sources(main=CONF, extra=(mine / "conf",))
        assert [c.load.clients for c in compose(["experiment=steps"], sources)] == [1, 2]
        assert [c.load.clients for c in compose(["experiment=steps", "load.clients=5"], sources)] == [5]


class TestRun:
    def test_each_cell_of_a_sweep_is_composed_once(self, tmp_path, monkeypatch):
        from hydra._internal.config_loader_impl import ConfigLoaderImpl

        composed, compose_really = [], ConfigLoaderImpl.load_configuration

        def counted(self, config_name, overrides, *rest, **named):
            composed.append(overrides)
            return compose_really(self, config_name, overrides, *rest, **named)

        monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
        monkeypatch.chdir(tmp_path)
        checked, ran = [], []

        def task(config, directory):
            ran.append((config.seed, directory))
            return CellOutcome(status="done", message="", run_id="x")

        words = ["backend=null", "seed=1,2,3", "outputs=here"]
        sweep = run(words, SOURCES, task, check=lambda config: checked.append(config.config_hash), multirun=True)
        assert sorted(word for asked in composed for word in asked if word in SEEDS) == list(SEEDS)
        assert [seed for seed, _ in ran] == [1, 2, 3]
        assert len(set(checked)) == 3
        assert [directory.parent for _, directory in ran] == [sweep] * 3
        assert [directory.name[:2] for _, directory in ran] == ["0_", "1_", "2_"]
        assert [read_request(directory).config_hash for _, directory in ran] == checked


class TestSources:
    def test_the_users_folder_comes_first(self, mine):
        (mine / "conf" / "load").mkdir()
        (mine / "conf" / "load" / "closed.yaml").write_text("clients: 3\n", encoding="utf-8")
        sources = Sources(main=CONF, extra=(mine / "conf",))
        config = one("workload=mine", sources=sources)
        assert config.workload.name == "mine"
        assert isinstance(config.load, ClosedLoop)
        assert config.load.clients == 3
        assert config.sql_dirs[0] == mine / "sql"
        assert config.sql_dirs[-1] == CONF.parent / "sql"

    def test_a_group_of_the_users_own_is_added(self, mine):
        (mine / "conf" / "site").mkdir()
        (mine / "conf" / "site" / "lab.yaml").write_text("# @package _global_\nlabel: lab\n", encoding="utf-8")
        assert one("site=lab", sources=Sources(main=CONF, extra=(mine / "conf",))).label == "lab"

    def test_a_folder_that_is_not_there(self, tmp_path):
        assert "there is no directory" in wrong(sources=Sources(main=CONF, extra=(tmp_path / "nope",)))

    def test_broken_yaml_names_file_and_line(self, mine):
        file = mine / "conf" / "workload" / "broken.yaml"
        file.write_text("name: broken\noperations: [\n", encoding="utf-8")
        message = wrong("workload=broken", sources=Sources(main=CONF, extra=(mine / "conf",)))
        assert f"{file}, line 3" in message

    def test_a_key_twice_in_yaml_is_refused(self, mine):
        (mine / "conf" / "workload" / "mine.yaml").write_text("name: a\nname: b\n", encoding="utf-8")
        message = wrong("workload=mine", sources=Sources(main=CONF, extra=(mine / "conf",)))
        assert "mine.yaml, line 2" in message


class TestFrozen:
    def test_nothing_dictionary_like_and_nothing_that_changes(self):
        config = one()
        for field in ("backend", "dataset", "workload", "load", "price"):
            part = getattr(config, field)
            assert dataclasses.is_dataclass(part)
            with pytest.raises(dataclasses.FrozenInstanceError):
                part.name = "other"

    def test_what_is_kept_is_plain_and_without_hydra(self):
        resolved = one().resolved
        assert json.loads(json.dumps(resolved)) == resolved
        assert "hydra" not in resolved

    def test_the_hash_knows_what_is_measured_and_nothing_else(self):
        base = one("backend=duckdb").config_hash
        for same in (
            "home=elsewhere",
            "outputs=there",
            "label=hello",
            "fail_fast=true",
            "plans=false",
            "load.clients=4",
        ):
            assert one("backend=duckdb", same).config_hash == base
        for other in ("load.clients=5", "seed=1", "verify=false", "backend=null", "dataset.scale=0.5"):
            assert one("backend=duckdb", other).config_hash != base

    def test_the_hash_does_not_hang_on_the_order_of_keys(self):
        assert config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == config_hash({"b": {"d": 3, "c": 2}, "a": 1})

    def test_what_comes_from_the_environment_is_used_but_not_kept(self, monkeypatch):
        monkeypatch.setenv("BENCH_TEST_LABEL", "hunter2")
        config = one("label=${oc.env:BENCH_TEST_LABEL}")
        assert config.label == "hunter2"
        assert "hunter2" not in json.dumps(config.resolved)

    def test_the_name_is_the_options_where_the_yaml_gives_none(self):
        assert one("load=single").load.name == "single"


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "parts"),
        [
            (["load.clients=abc"], ["load.clients: 'abc'", "a whole number"]),
            (["load.clients=0"], ["load.clients: 0 is too small", "1 or more"]),
            (["load.clients=4.0"], ["load.clients: 4.0", "a whole number"]),
            (["load.clients=null"], ["load.clients: null", "a whole number"]),
            (["load.clientz=4"], ["load.clientz:", "there are name, clients", "did you mean 'clients'?"]),
            (["load.duration_s=inf"], ["load.duration_s: inf", "finite"]),
            (["load.processes=9"], ["load.processes: 9 processes for 4 clients"]),
            (["load=clozed"], ["load: there is no option 'clozed'", "did you mean 'closed'?"]),
            (["load=null"], ["load: needs an option", "closed"]),
            (["~load"], ["load: nothing is chosen"]),
            (["load={clients: 3}"], ["load: takes the name of an option"]),
            (["backend=oracle"], ["backend: there is no option 'oracle'", "duckdb", "postgres"]),
            (["backnd=postgres"], ["backnd:", "did you mean 'backend'?"]),
            (["lod.clients=4"], ["lod.clients:", "did you mean 'load'?"]),
            (["sed=1"], ["sed:", "did you mean 'seed'?"]),
            (["+vars=1"], ["vars: there is no group or setting 'vars'"]),
            (["seed=x"], ["seed: 'x'", "a whole number"]),
            (["seed=-1"], ["seed: -1 is too small"]),
            (["verify=maybe"], ["verify: 'maybe'", "true or false"]),
            (["workload=points", "workload.mix.nosuch=3"], ["workload.mix: no operation 'nosuch'"]),
            (
                [
                    "workload=points",
                    "workload.mix={read_by_key: 0, read_by_index: 0, small_range: 0, "
                    "insert_row: 0, update_by_key: 0, take_payment: 0}",
                ],
                ["workload.mix: all weights are 0"],
            ),
            (["workload=points", "workload.operations.0.tempalte=a"], ["].tempalte:", "did you mean 'template'?"]),
            (["load._target_=bench.load.Nope"], ["load._target_: 'bench.load.Nope' cannot be imported"]),
            (["load._target_=nowhere.Nope"], ["load._target_: 'nowhere.Nope' cannot be imported"]),
            (["load._target_=bench.price.Price"], ["is no LoadProfile", "bench.load.base.LoadProfile"]),
            (["load._target_=bench.load.LoadProfile"], ["is abstract"]),
            (["label=${nope}"], ["label: refers to something that is not there", "nope"]),
            (["label=${oc.env:BENCH_NOT_SET}"], ["label: refers to something", "BENCH_NOT_SET"]),
            (["price=hourly"], ["price.usd_per_hour: needs a value"]),
            (["load.clients=[1,2"], ["'load.clients=[1,2' cannot be read"]),
            (["load.clients"], ["'load.clients' sets nothing", "load.clients=VALUE"]),
            (["load=closed,single"], ["load=closed,single: names several values", "add -m"]),
            (["load.clients=1,2"], ["load.clients=1,2: names several values", "add -m"]),
            (["backend@other=duckdb"], ["backend@other"]),
            (["hydra.rundir=x"], ["hydra.rundir"]),
        ],
    )
    def test_with_one_sentence(self, words, parts):
        message = wrong(*words)
        assert all(part in message for part in parts), message
        assert "\n" not in message

    def test_the_last_cell_of_a_sweep_is_checked_too(self):
        assert "load.clients: 0 is too small" in wrong("load.clients=4,0", multirun=True)

    def test_cells_side_by_side(self):
        assert "one after another" in wrong("hydra/launcher=basic", "load.clients=1,2", multirun=True)

    def test_a_kind_that_is_not_known(self):
        message = wrong("dataset.tables.orders.columns.status.kind=categorial")
        assert "did you mean 'categorical'?" in message
        assert message.startswith("dataset.tables.orders.columns.status: ")

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            (
                "{kind: column, table: orders, column: order_id, distribution: zipff}",
                ".distribution: 'zipff' is not allowed",
            ),
            ("{kind: column, table: orders, column: 3}", ".column: 3 is not allowed here; allowed is a text"),
            ("{kind: column, table: orders, column: Id}", ".column: 'Id' is no name for a column"),
            (
                "{kind: column, table: orders, columm: a}",
                ".columm: there is no such key; there are kind, table, column",
            ),
        ],
    )
    def test_a_kind_that_is_the_name_of_a_key_too(self, spec, message):
        operation = f"{{name: q, template: points/read_by_key.sql.j2, params: {{order_id: {spec}}}}}"
        said = wrong("workload=points", "~workload.mix", f"workload.operations=[{operation}]")
        assert said.startswith(f"workload.operations[q].params.order_id{message}")

    @pytest.mark.parametrize(
        "word",
        [
            "backend.password=hunter2",
            "+backend.connect.token=hunter2",
            "backend.connect={password: hunter2}",
            "backend.private_key=hunter2",
            "++backend.client_secret=hunter2",
        ],
    )
    def test_secrets_are_refused_without_being_repeated(self, word):
        with pytest.raises(ConfigError) as raised:
            refuse_secrets([word])
        assert "_env=NAME" in str(raised.value)
        assert "hunter2" not in str(raised.value)

    def test_names_of_variables_and_files_are_no_secrets(self):
        refuse_secrets(
            ["backend.password_env=PW", "backend.private_key_file=/k.p8", "~backend.password", "load=closed"]
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    kind: str = "inner"
    size: int | float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer(LoadProfile):
    inner: Inner
    text: str = ""

    @property
    def open_loop(self):
        return False

    def schedule(self, client, start_ns):
        raise NotImplementedError

    def describe(self):
        return "outer"


class TestBuild:
    def test_a_class_of_the_users_own(self):
        values = {"_target_": f"{__name__}.Outer", "name": "x", "inner": {"size": 2.5}}
        assert build(LoadProfile, values, "load").inner.size == 2.5

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"inner": {"size": "big"}},
                "load.inner.size: 'big' is not allowed here; allowed is a whole number or a number",
            ),
            (
                {"inner": {"sise": 1}},
                "load.inner.sise: there is no such key; there are kind, size; did you mean 'size'?",
            ),
            ({"inner": {}}, "load.inner.size: is missing; give it a value"),
            ({"inner": 3}, "load.inner: 3 is not allowed here; allowed is keys with values"),
            ({"inner": {"size": 1}, "text": 5}, "load.text: 5 is not allowed here; allowed is a text (in quotes)"),
        ],
    )
    def test_the_path_leads_to_the_value(self, values, message):
        with pytest.raises(ConfigError) as raised:
            build(LoadProfile, {"name": "x", **values}, "load", default=f"{__name__}.Outer")
        assert str(raised.value) == message

    def test_no_class_named(self):
        with pytest.raises(ConfigError, match=r"backend\._target_: names no class"):
            build(LoadProfile, {}, "backend")

    def test_the_operations_name_stands_in_the_path(self):
        values = {"name": "w", "operations": [{"name": "one", "template": "a"}, {"name": "two", "retries": -1}]}
        with pytest.raises(ConfigError) as raised:
            build(Workload, values, "workload", default="bench.workload.Workload")
        assert str(raised.value).startswith("workload.operations[two].")
