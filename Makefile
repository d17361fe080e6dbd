# The environment is .venv, made from requirements.lock; everything else is `label-pipeline`.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)
export LABEL_PIPELINE_DATA ?= $(CURDIR)/data
# Where Python may not keep its bytecode, every night would compile all imports again: half a minute.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: nightly test slow check audit ui label-studio spark torch lock clean

nightly: .venv/ready  ## last night for the sample project
	$(BIN)/label-pipeline nightly --project sample

test: .venv/ready  ## lint, types and the quick tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/pytest -n auto --dist loadfile

ui: .venv/ready  ## the Dagster UI on 127.0.0.1:3000
	$(BIN)/label-pipeline ui

audit: .venv/ready  ## the locked packages: do they fit each other, and is a weakness of one known
	$(BIN)/uv pip check --python $(BIN)/python
	$(BIN)/uv tool run pip-audit -r requirements.lock --no-deps --disable-pip --progress-spinner off

label-studio: .label-studio/ready  ## a Label Studio to try pulling from, on 127.0.0.1:8080
	COLLECT_ANALYTICS=False LATEST_VERSION_CHECK=False SENTRY_DSN= FRONTEND_SENTRY_DSN= .label-studio/bin/label-studio \
		start --no-browser --internal-host 127.0.0.1 --port 8080 --data-dir $(LABEL_PIPELINE_DATA)/label-studio

slow: .venv/ready .label-studio/ready .consumers/ready .spark/ready  ## the slow tests: real servers, browser, campaigns
	$(BIN)/pytest -m slow -n auto --dist loadfile --no-loadscope-reorder

check: test slow  ## everything

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "label-pipeline needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv
	$(BIN)/uv pip install -q --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

# Label Studio has an environment of its own: it holds older versions of much that is here.
.label-studio/ready: label-studio.lock
	$(PYTHON) -m venv .label-studio
	.label-studio/bin/python -m pip install -q --disable-pip-version-check uv
	.label-studio/bin/uv pip install -q --python .label-studio/bin/python -r label-studio.lock
	touch $@

# What reads our files beside our own code, and our loader without what the pipeline is made of. PyTorch is taken only
# from wheels that lie here already: for one example it is too large a download. `make torch` fetches it.
.consumers/ready: consumers.lock
	$(PYTHON) -m venv .consumers
	.consumers/bin/python -m pip install -q --disable-pip-version-check uv
	.consumers/bin/uv pip install -q --python .consumers/bin/python -r consumers.lock
	.consumers/bin/uv pip install -q --python .consumers/bin/python --no-deps --no-build-isolation -e .
	.consumers/bin/python -m pip install -q --no-index --no-deps torch 2>/dev/null || true
	touch $@

# Spark lies beside the environment, on the path of those who ask for it: all else must do without.
.spark/ready: .venv/ready spark.lock
	rm -rf .spark && $(BIN)/uv pip install -q --python $(BIN)/python --target .spark --no-deps -r spark.lock
	touch $@

spark: .spark/ready  ## the Spark engine beside the local one, on all real sets and three million annotations
	LABEL_PIPELINE_WHOLE=1 $(BIN)/pytest -m slow label_pipeline_tests/shards/test_spark.py

torch: .consumers/ready  ## PyTorch for its example and test
	.consumers/bin/python -m pip install -q torch

lock:  ## write all locks anew
	$(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --universal --python-version 3.11 \
		--group pyproject.toml:consumers -o consumers.lock
	echo 'pyspark>=4' | $(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --universal \
		--python-version 3.11 - -o spark.lock
	echo label-studio==1.23.2 | $(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --universal \
		--python-version 3.11 - -o label-studio.lock
	$(BIN)/uv pip compile -q --no-header --no-annotate --no-emit-index-url --universal --python-version 3.11 \
		--group dev --extra crowdkit --extra postgres --extra kubernetes --extra privacy-presidio --extra s3 pyproject.toml \
		-o requirements.lock

clean:
	rm -rf .venv .label-studio .consumers .spark data/lake data/marts data/published data/reports data/roles data/dagster
