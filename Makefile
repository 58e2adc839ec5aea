# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
#
# Every target makes what it needs first (tools/bootstrap.sh). Can be overridden:
#   PYTHON=python3.12   the interpreter to make the virtual environment from
#   VENV=path           where the virtual environment is; one that exists already is used as it is
#   ARGS="-k pump -x"   more arguments for the program behind the target
#   WORKERS=2           how many processes run tests side by side; one more for whole robots

PYTHON ?=
VENV ?= $(if $(ROS_DISTRO),.venv-$(ROS_DISTRO),.venv)
ARGS ?=
WORKERS ?= 2
RUN := $(VENV)/bin/python
BOOTSTRAP := VENV="$(VENV)" PYTHON="$(PYTHON)" tools/bootstrap.sh
# Empty where pytest-xdist is not installed; the shell decides, after BOOTSTRAP.
SIDE_BY_SIDE := $$($(RUN) -c 'import xdist' 2>&- && printf %s '-n $(WORKERS) --dist worksteal')
LINTERS := $(addprefix test/test_,$(addsuffix .py,copyright flake8 pep257 xmllint))

# The checkout is run as it is, not installed: an edit counts at once, in child processes too.
export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
# rclpy from PyPI sets this for its children; inherited from another environment it would keep
# ours from finding its libraries.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: help demo bridge check test faults lint bench clients site links matrix release venv clean \
  distclean

help:
	@echo 'make demo       drive a simulated robot, kill the program or the bridge, watch the robot stop'
	@echo '               with ARGS=--secure: with an API key and TLS'
	@echo 'make bridge     a simulated robot, its bridge at localhost:8080 and its guard, until Ctrl-C'
	@echo 'make check      style, types, and the tests of core and parameters: less than a minute'
	@echo 'make test       all tests; with ARGS only those: make test ARGS="test/rpc -k base"'
	@echo 'make faults     200 faults and every deliberate breakage: how long the robot moved too long'
	@echo 'make lint       style and types: ruff, mypy, and the linter tests'
	@echo 'make bench      measure latencies and load, each beside its baseline'
	@echo 'make clients    clients in other languages: Node and npm, Go; what is missing is skipped'
	@echo 'make site       build the documents as a site, in build/site'
	@echo 'make links      open each external link of the documents; needs the internet'
	@echo 'make matrix     test on the versions that robots have, and write docs/versions.md (20 minutes)'
	@echo 'make release    the checklist of a release, and its source archive; ARGS=--fast: the quick part'
	@echo 'make venv       only make the virtual environment that the others use ($(VENV))'
	@echo 'make clean      remove what building and testing left behind'
	@echo 'make distclean  ... and the virtual environment'

demo:
	@$(BOOTSTRAP) test
	@$(RUN) -m viam_session_bridge.cli.demo $(ARGS)

# In a ROS domain of its own and on this machine only. ARGS="--domain 7" to watch with ROS tools;
# ARGS="--serve 8081" for another port.
bridge:
	@$(BOOTSTRAP) test
	@$(RUN) -m viam_session_bridge.cli.demo --serve 8080 $(ARGS)

# LINT_REQUIRED: a linter that is missing fails its test instead of skipping it.
check:
	@$(BOOTSTRAP) test lint
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@LINT_REQUIRED=1 $(RUN) -m pytest -q $(SIDE_BY_SIDE) $(LINTERS) test/test_architecture.py \
	  test/core test/parameters $(ARGS)

# In stages (tools/test.sh); with ARGS it is plain pytest with these arguments.
test:
	@$(BOOTSTRAP) test
ifeq ($(strip $(ARGS)),)
	@PYTHON="$(RUN)" WORKERS="$(WORKERS)" tools/test.sh
else
	@LINT_REQUIRED=1 $(RUN) -m pytest $(ARGS)
endif

# ARGS="--document docs/faults.md" writes the page, too. It takes about 35 minutes.
faults:
	@$(BOOTSTRAP) test
	@$(RUN) test/faults/run.py --faults 200 --minutes 40 --breakages $(ARGS)

lint:
	@$(BOOTSTRAP) test lint
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	LINT_REQUIRED=1 $(RUN) -m pytest -q -m linter

bench:
	@$(BOOTSTRAP) test
	@$(RUN) bench/run.py $(ARGS)

# BUILD_CLIENTS: the Go examples may fetch their modules. The Go SDK takes minutes to compile, the
# first time; VIAM_GO_DRIVE may name a program that was built before (examples/go/drive/main.go).
clients:
	@$(BOOTSTRAP) test
	@BUILD_CLIENTS=1 $(RUN) -m pytest test/clients $(ARGS)

# Warnings are errors: a link to nothing, a page that no other page leads to.
site:
	@$(BOOTSTRAP) docs
	@$(RUN) -m sphinx -W --keep-going -q -b html docs build/site $(ARGS)
	@echo 'build/site/index.html'

# Not part of .ci/run, which may have no internet. The links between documents are tested by
# `make site` and test/test_documents.py.
links:
	@$(BOOTSTRAP) docs
	@$(RUN) -m sphinx -W --keep-going -q -b linkcheck -c docs -D root_doc=README \
	  -D 'include_patterns=*.md,*.rst,docs/**.md' \
	  -D suppress_warnings=toc.not_readable,toc.not_included,myst.xref_missing . build/links $(ARGS)
	@echo 'every external link was opened'

matrix:
	@$(BOOTSTRAP) test
	@$(RUN) tools/matrix.py $(ARGS)

# ARGS=--fast leaves out what takes minutes.
release:
	@$(BOOTSTRAP) test lint docs colcon
	@$(RUN) tools/release.py $(ARGS)

venv:
	@$(BOOTSTRAP) test lint

clean:
	rm -rf build install log .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-* .venv*.lock .matrix
