# make demo    camera to live detections in a browser, on any machine: no GPU, no camera
# make test    every check; EXTRAS=export,rtx,page adds those of Ultralytics' export, of TensorRT-RTX's builder and of the
#              page's sources, as CI does
# make bench   the README's tables, measured on this machine (minutes)
# make page    the live view from its TypeScript sources, checked and built (Node.js 20)
# make install   as a service of this machine, with systemd (asks for sudo); make uninstall takes it away again
# make soak    an hour in a bad factory: every fault told and mended, memory, threads and descriptors flat
# make soak-frames   100,000 frames as fast as they come, without a fault (minutes)

SHELL   := /bin/bash
PYTHON  ?= python3
VENV    ?= .venv
EXTRAS  ?=
# A CPU build is enough to export; any build that satisfies Ultralytics does.
TORCH   ?= torch==2.13.0
VISION  ?= torchvision==0.28.0

BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check
# JetPack's own tensorrt and cv2 are seen through the system's packages and never shadowed (README, "On a Jetson").
comma   := ,
TESTED  := $(VENV)/installed-test$(addprefix -,$(subst $(comma),-,$(EXTRAS)))
JETSON  := $(findstring tegra,$(shell uname -r))

TEST_PACKAGES := chromium e2fsprogs fonts-dejavu-core gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad \
                 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly gstreamer1.0-tools prometheus python3-gi systemd-container

# $(call need,PACKAGES): install what is missing when that is allowed, else print the one line that does.
define need
missing=""; for p in $(1); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
if [ -z "$$missing" ]; then :; \
elif ! command -v apt-get >/dev/null; then echo "Not Debian or Ubuntu: please install what these packages hold:$$missing" >&2; \
elif [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
elif sudo -n true 2>/dev/null; then sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
else echo "Missing system packages. Install them with:  sudo apt-get install -y$$missing" >&2; $(2); fi
endef

.PHONY: demo test bench page soak soak-frames install uninstall clean

demo: $(VENV)/installed
	@if [ -t 1 ]; then exec $(BIN)/edge demo; else exec $(BIN)/edge demo --seconds 30 --json -; fi

test: $(TESTED)
	@$(call need,$(TEST_PACKAGES),true)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then echo $(BIN)/mypy; $(BIN)/mypy; \
	else echo "mypy is skipped: the last NumPy for Python 3.10 has other types; 3.11 and newer check them"; fi
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest

bench: $(VENV)/installed
	$(BIN)/edge bench --seconds 120 --json -
	$(BIN)/edge bench --viewers 50 --fps 10 --seconds 360 --json -

page:
	cd edge/sinks/web/page && npm ci --no-audit --no-fund && npm run check && npm run build

install: $(VENV)/installed
	sudo $(BIN)/edge install --package .

uninstall: $(VENV)/installed
	sudo $(BIN)/edge uninstall $(if $(PURGE),--purge)

soak: $(TESTED)
	$(BIN)/python -m tests.soak --minutes 60

soak-frames: $(TESTED)
	$(BIN)/python -m tests.soak.frames

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call need,python3-venv,exit 1); }
	$(PYTHON) -m venv $(if $(JETSON),--system-site-packages) $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(PIP) install -q -e .
	@touch $@

$(TESTED): $(VENV)/bin/python pyproject.toml
	$(if $(findstring export,$(EXTRAS)),$(PIP) install -q $(TORCH) && $(PIP) install -q --no-deps $(VISION))
	$(PIP) install -q -e '.[test$(addprefix $(comma),$(EXTRAS))]'
	$(if $(findstring page,$(EXTRAS)),cd edge/sinks/web/page && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund --loglevel=error)
	@touch $@ $(VENV)/installed $(VENV)/installed-test

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
