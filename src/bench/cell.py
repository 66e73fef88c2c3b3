"""One cell from configuration to results: prepare, verify, run, summarise. Nothing measured is ever lost."""

from __future__ import annotations

import math
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench import collect, conditions, environment, observe, prepare, stats, verify
from bench.client_verdict import ClientVerdict
from bench.doubt import Doubt
from bench.drive import NS_PER_S, Assignment, Window
from bench.errors import BenchError, RunError
from bench.executors.local import CANCEL, Batch, Finished, LocalExecutor
from bench.interrupt import HeldInterrupt
from bench.machine import MachineWatch
from bench.metering import Meter
from bench.model import Phase
from bench.plan import Plan, RunConfig, question_hash
from bench.redact import redact_text
from bench.results import RunWriter, open_run, summary
from bench.results.manifest import Stage
from bench.run_facts import facts, run_key
from bench.summarize import summarize
from bench.wording import of

if TYPE_CHECKING:
    from bench.backends.base import Backend, Database
    from bench.progress import Progress
    from bench.workload import Workload

LAST_WORDS_S = 10.0
"""How long samples are awaited after an interruption."""


@dataclass(frozen=True, kw_only=True)
class CellOutcome:
    """How a cell ended."""

    status: Literal["done", "failed"]
    message: str
    run_id: str


def run_cell(config: RunConfig, plan: Plan, directory: Path, progress: Progress) -> CellOutcome:
    """Run one cell as planned and leave its results in `directory`.

    What fails is recorded there and in the outcome. An interruption is recorded too, and passes on.

    Raises:
        KeyboardInterrupt: The user ended it; what was measured is kept.
    """
    key = run_key(config)
    try:
        emulated, starts = config.backend.capabilities.emulated, 2 if config.cold else 1
        with RunWriter(directory, key, facts(config, plan), replace=True, emulated=emulated) as writer, progress:
            meter = Meter(price=config.price, emulated=emulated, starts=starts, writer=writer)
            try:
                _Measurement(config=config, plan=plan, writer=writer, progress=progress, meter=meter).run()
            finally:
                meter.stop()
    except BenchError as error:
        return CellOutcome(status="failed", message=str(error), run_id=key.run_id)
    except Exception as error:  # noqa: BLE001  # a sweep goes on; the trace is kept beside the results
        trace = directory / "traceback.txt"
        trace.write_text(redact_text(traceback.format_exc()), encoding="utf-8")
        message = f"unexpected {type(error).__name__}: {error}; see {trace}"
        return CellOutcome(status="failed", message=message, run_id=key.run_id)
    return CellOutcome(status="done", message="", run_id=key.run_id)


@dataclass(kw_only=True)
class _Measurement:
    """The stages of one cell, in their order."""

    config: RunConfig
    plan: Plan
    writer: RunWriter
    progress: Progress
    meter: Meter
    observation: observe.Observation = field(init=False)
    verdict: ClientVerdict = field(init=False)
    machine: MachineWatch = field(init=False)
    drift: prepare.DataDrift | None = None
    """Of data that the workload changes and that are not loaded anew."""
    dropped: Counter[tuple[Phase, int]] = field(default_factory=Counter)
    """Arrivals of an open loop that were not started: by phase, and by position of the operation or -1."""

    def __post_init__(self) -> None:
        self.verdict = ClientVerdict(config=self.config, writer=self.writer)
        self.machine = MachineWatch(local_server=self.config.backend.local_server)
        self.observation = observe.Observation(
            writer=self.writer, operations=self.plan.operations, repetition=self.config.repetition
        )

    def run(self) -> None:
        config = self.config
        self._write_plan()
        described = config.backend.for_run(self.writer.key.run_id, self.writer.directory.name)
        with ExitStack() as stack:
            executor = stack.enter_context(LocalExecutor(self._processes()))
            backend = stack.enter_context(described.provision(config.data_name, config.home, self._say))
            stack.callback(executor.close)  # before the engine is left: no worker may still use it
            self.meter.opened(backend.compute)
            with backend.open(self.plan.namespace) as database:
                workload = self._prepare(backend, database)
                self.meter.data_ready(self.observation.compute(database, self.plan.namespace))
                self._verify(database, workload)
                self._keep_pipelines(database, workload)
                if config.plans and backend.capabilities.answers:
                    self.observation.plans(database, workload, config.seed, self.progress.advance)
                    self.progress.finish()
                if config.cold:
                    database.drop_caches()
                    self._say("caches: emptied before the load")
                self.observation.before(database)
            try:
                with self.observation.watching(backend, self.plan.namespace):
                    self._load(executor, backend, workload)
            finally:  # a load that failed, or was interrupted, has a history too
                self.observation.conclude(backend, self.plan.namespace)

    def _processes(self) -> int:
        return self.config.worker_processes(environment.usable_cores())

    def _say(self, line: str) -> None:
        """Show a line, and keep it with the results."""
        self.progress.say(line)
        self.writer.update(messages=[*self.writer.messages, line])

    def _write_plan(self) -> None:
        for operation in self.plan.operations:
            texts = [statement.sql.rstrip().rstrip(";") + ";\n" for statement in operation.statements]
            self.writer.write_sql(operation.name, "\n".join(texts))
            if operation.pipeline:
                self.writer.write_sql(operation.name, operation.pipeline, kind="py")
        self.writer.write_rows("audit", [asdict(row) for row in self.plan.audit])

    def _prepare(self, backend: Backend, database: Database) -> Workload:
        """Bring the data in; gives the workload with its parameters resolved."""
        self.writer.update(server=dict(database.facts()))
        preparation = prepare.Preparation(
            database=database,
            backend=backend,
            dataset=self.config.dataset,
            namespace=self.plan.namespace,
            home=self.config.home,
            advance=self.progress.advance,
            say=self._say,
            schema_ddl=self.plan.schema_ddl,
            keep=self.config.keeps,
        )
        state = prepare.prepare(preparation)
        self.progress.finish()
        if self.config.keeps and not self.plan.read_only:
            changed = state.changed or (not self.config.dataset.made and self.config.repetition > 0)
            self.drift = prepare.drift_before(database, self.plan.namespace, self.config.dataset, changed=changed)
        self.writer.write_rows("load", [asdict(load) for load in state.loads])
        workload = prepare.resolve(self.config.workload, preparation)
        question = question_hash(self.config, self.plan, workload, state.fingerprint)
        self.writer.update(
            data_fingerprint=state.fingerprint,
            data_facts=dict(state.facts),
            question_hash=question,
            data_reused=state.reused,
            data_drift=self.drift,
        )
        return workload

    def _verify(self, database: Database, workload: Workload) -> None:
        self.writer.enter(Stage.VERIFY)
        if self.config.verify and self.config.backend.capabilities.answers:
            with database.session() as session:
                session.enter("verify")
                answers = verify.verify(
                    session, self.plan.operations, workload, self.config.seed, self.progress.advance
                )
            self.progress.finish()
            self.writer.write_rows("answers", [asdict(answer) for answer in answers])
            rows = of(sum(answer.rows for answer in answers), "row")
            self.progress.say(f"answers: {of(len(answers), 'operation')} answered, {rows}")
        else:
            self.writer.warn(
                "answers were not checked" if not self.config.verify else "this backend gives no real answers"
            )
        if not self.plan.read_only:
            prepare.mark_changed(database, self.plan.namespace)

    def _keep_pipelines(self, database: Database, workload: Workload) -> None:
        """Store the SQL that the pipelines come to, and say which operations have none."""
        if not self.config.backend.capabilities.pipelines:
            return
        with database.session() as session:
            session.enter("verify")
            texts = verify.generated(session, self.plan.operations, workload, self.config.seed)
        for operation, text in texts.items():
            if text:
                self.writer.write_sql(operation, text)
        missing = [operation.name for operation in self.plan.operations if not operation.pipeline]
        if missing:
            have = "have" if len(missing) > 1 else "has"
            self.writer.warn(f"{', '.join(missing)} {have} no DataFrame form and ran as SQL")

    def _load(self, executor: LocalExecutor, backend: Backend, workload: Workload) -> None:
        """Run the load, and summarise whatever was measured, also after an interruption or a dead worker."""
        load = self.config.load
        assignment = Assignment(
            backend=backend,
            namespace=self.plan.namespace,
            operations=self.plan.operations,
            workload=workload,
            load=load,
            seed=self.config.seed,
            clients=tuple(range(load.clients)),
        )
        collect.make_ready()
        executor.assign(assignment)
        self.progress.say(f"load: {load.describe()}")
        self.machine.before()
        window, messages = executor.drive(lambda start_ns: Window.of(load, start_ns))
        collector = collect.Collector(
            operations=[operation.name for operation in self.plan.operations],
            measure_ns=window.measure_ns,
            write=lambda table: self.writer.add_samples(table, repetition=self.config.repetition),
            open_loop=load.open_loop,
        )
        self.writer.update(window=asdict(window))
        self.writer.enter(Stage.WARM_UP if load.warm_up_s else Stage.MEASUREMENT)
        with HeldInterrupt() as interrupt:
            try:
                self._gather(_until_interrupted(messages, interrupt, executor), collector, window)
                self.meter.stop()
                self._count_drift(backend)
                if not interrupt.noted:
                    self.verdict.measure_ceiling(assignment)
            finally:
                self.progress.finish()
                collector.flush()
                self._summarize(collector, window)
        _demand_success(collector)

    def _count_drift(self, backend: Backend) -> None:
        """Count rows again where data are not loaded anew; the workers have left the engine by now."""
        if self.drift is None:
            return
        try:
            with backend.open(self.plan.namespace) as database:
                self.drift = prepare.drift_after(self.drift, database, self.plan.namespace)
        except Exception as error:  # noqa: BLE001  # a driver may raise anything, and nothing measured may be lost
            self.writer.warn(f"the rows could not be counted after the load: {error}")
        self.writer.update(data_drift=self.drift)

    def _machine_doubts(self) -> list[Doubt]:
        """Read the machine once more, keep what was found, and say what it makes doubtful."""
        facts = self.machine.after()
        self.writer.update(machine=facts and facts.document())
        return list(facts.doubts()) if facts else []

    def _arriving(self) -> stats.Arriving | None:
        """What the summary has to know of an open loop."""
        late_ns = self.config.load.late_ns
        if late_ns is None:
            return None
        dropped = [self.dropped[Phase.MEASUREMENT, position] for position in range(len(self.plan.operations))]
        return stats.Arriving(late_ns=late_ns, dropped=dropped, closed=self._closed())

    def _closed(self) -> frozenset[int]:
        """Positions of the operations that do not arrive by a clock."""
        asked = enumerate(self.plan.operations)
        return frozenset(at for at, operation in asked if not self.config.load.on_schedule(operation.name))

    def _gather(
        self, messages: Iterator[Batch | Finished | None], collector: collect.Collector, window: Window
    ) -> None:
        measuring = False
        driver_stats: Counter[str] = Counter()
        for message in messages:
            if isinstance(message, Batch):
                collector.add(message.chunk, message.errors)
            elif isinstance(message, Finished):
                self.verdict.workers.append(message.facts)
                self.dropped.update(message.dropped)
                driver_stats.update(message.driver_stats)
                self.observation.sessions += message.session_numbers
            now_ns = time.monotonic_ns()
            if not measuring and now_ns >= window.measure_ns:
                measuring = True
                self.machine.measuring()
                self.writer.enter(Stage.MEASUREMENT)
            self._show(collector, window, now_ns)
        self.machine.measured()
        workers = [asdict(worker) for worker in self.verdict.workers]
        self.writer.update(workers=workers, driver_stats=dict(driver_stats))

    def _show(self, collector: collect.Collector, window: Window, now_ns: int) -> None:
        measured_s = (min(now_ns, window.end_ns) - window.measure_ns) / NS_PER_S
        if measured_s <= 0:
            self.progress.advance("warm-up", (now_ns - window.start_ns) / NS_PER_S, self.config.load.warm_up_s)
            return
        rate = collector.measured / max((now_ns - window.measure_ns) / NS_PER_S, 1e-9)
        note = f"{collector.measured:,} operations, {rate:,.0f}/s" + (
            f", {collector.failed:,} failed" if collector.failed else ""
        )
        self.progress.advance("measure", measured_s, self.config.load.duration_s, note)

    def _summarize(self, collector: collect.Collector, window: Window) -> None:
        self.writer.enter(Stage.SUMMARY)
        self.writer.update(operation_errors=collector.known_errors())
        found = summarize(
            open_run(self.writer.directory),
            [operation.name for operation in self.plan.operations],
            start_ns=window.measure_ns,
            end_ns=min(window.end_ns, max(time.monotonic_ns(), window.measure_ns)),
            arriving=self._arriving(),
        )
        if self.config.load.open_loop:
            self.writer.update(arrivals=_arrivals(found.started, self.dropped))
        cost = self.meter.stop()
        doubts = [
            *conditions.doubts(self.config),
            *self._machine_doubts(),
            *(self.drift.doubts() if self.drift else ()),
        ]
        summaries = self.verdict.on(found.operations, doubts)
        self.writer.write_rows("summary", summary.summary_rows(summaries, repetition=self.config.repetition, cost=cost))
        self.writer.write_rows("intervals", summary.interval_rows(found.seconds, repetition=self.config.repetition))
        for doubt, concerned in _doubts(summaries).items():
            self.writer.warn(doubt.concerning(concerned, of=len(summaries)))


def _arrivals(started: Mapping[Phase, int], dropped: Counter[tuple[Phase, int]]) -> dict[str, object]:
    """What became of the arrivals of each phase: each was started or dropped."""
    return {
        str(phase): {
            "started": started.get(phase, 0),
            "dropped": sum(count for (of, _), count in dropped.items() if of is phase),
        }
        for phase in (Phase.WARM_UP, Phase.MEASUREMENT)
    }


def _until_interrupted(
    messages: Iterator[Batch | Finished | None], interrupt: HeldInterrupt, executor: LocalExecutor
) -> Iterator[Batch | Finished | None]:
    """The messages; after Ctrl-C only what the workers had measured when they were told to stop."""
    give_up_at = math.inf
    for message in messages:
        yield message
        if interrupt.noted and give_up_at == math.inf:
            executor.stop(CANCEL)
            give_up_at = time.monotonic() + LAST_WORDS_S
        if time.monotonic() > give_up_at:
            return


def _doubts(summaries: list[stats.OperationSummary]) -> dict[Doubt, list[str]]:
    """The operations that each doubt concerns."""
    found = {doubt: [row.operation for row in summaries if doubt in row.warnings] for doubt in Doubt}
    return {doubt: concerned for doubt, concerned in found.items() if concerned}


def _demand_success(collector: collect.Collector) -> None:
    """A run that measured nothing, or nothing but errors, is no result.

    Raises:
        RunError: Nothing succeeded.
    """
    if not collector.measured:
        raise RunError("nothing was measured: no operation started in the measurement interval; raise load.duration_s")
    if collector.failed == collector.measured:
        first = collector.known_errors()[0]
        message = str(first["messages"][0])  # type: ignore[index]  # a known error has at least one message
        raise RunError(f"all {collector.measured:,} operations failed; '{first['operation']}': {message}")
