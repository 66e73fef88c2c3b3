# The project's vocabulary; `just` alone lists it. Each recipe is one line that also works without just.

default:
    @just --list

# Everything that CI checks
check:
    bash .ci/run

fmt:
    uv run ruff format . && uv run ruff check --fix .

lint:
    uv run ruff format --check . && uv run ruff check . && uv run lint-imports

types:
    uv run mypy

test:
    uv run pytest

# The smallest whole run
smoke:
    uv run bench experiment=smoke

# The locked versions, without addresses
lock:
    uv export --quiet --all-extras --no-emit-project --no-header --no-annotate --output-file requirements.lock

# Throw away what is kept between runs
clean:
    rm -rf .bench
