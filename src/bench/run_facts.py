"""What the manifest of a run says from the start: who it is, and what it was asked to do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import environment
from bench.results import RunKey, new_run_id

if TYPE_CHECKING:
    from bench.plan import Plan, RunConfig


def run_key(config: RunConfig) -> RunKey:
    """The key of a new run of this cell."""
    return RunKey(
        run_id=new_run_id(),
        backend=config.backend.name,
        dataset=config.dataset.name,
        workload=config.workload.name,
        load=config.load.name,
    )


def facts(config: RunConfig, plan: Plan) -> dict[str, object]:
    """What the manifest says from the start."""
    turn = config.turn
    return {
        "config": config.resolved,
        "config_hash": config.config_hash,
        "sql_hash": plan.sql_hash,
        "choices": config.choices,
        "label": config.label,
        "seed": config.seed,
        "cold": config.cold,
        "repetition": config.repetition,
        "order": turn and {"kind": config.order, "block": turn.block, "position": turn.position},
        "reset": "keep" if config.keeps else "reload",
        "load_description": config.load.describe(),
        "open_loop": config.load.open_loop,
        "streams": config.load.facts(),
        "capabilities": asdict(config.backend.capabilities),
        "host": environment.host(),
        "versions": environment.package_versions(),
        "git_commit": environment.git_commit(Path.cwd()),
    }
