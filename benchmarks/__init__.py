"""The tool measured against its peers, side by side on one server: `uv run python -m benchmarks.pgbench`."""
