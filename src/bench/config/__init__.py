"""Compose, check, freeze. The only package that knows Hydra and OmegaConf, with the launcher plug-in.

What leaves it is a `bench.plan.RunConfig`: frozen values, and nothing dictionary-like.
"""

from bench.config.build import build
from bench.config.compose import compose, option_file, options, own_directory, run
from bench.config.freeze import GROUPS, SLOTS, config_hash
from bench.config.overrides import quoted
from bench.config.stored import Request, Sources, read_request, store_again

__all__ = [
    "GROUPS",
    "SLOTS",
    "Request",
    "Sources",
    "build",
    "compose",
    "config_hash",
    "option_file",
    "options",
    "own_directory",
    "quoted",
    "read_request",
    "run",
    "store_again",
]
