# The verbs of the project. `make help` lists them.
#
#     make demo                                              the whole line on drawn images
#     make check DATASET=path                                what is wrong with your own images
#     make train DATASET=path NAME=my-detector STEPS=20000   your own images
#     make export NAME=my-detector
#
# Everything runs in .envs/pipeline, which is made from hashes at first use; the heavy work runs in
# containers when a Docker engine answers, else in local environments (BACKEND=auto|docker|local).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
ENV := .envs/pipeline
ODPIPE := $(ENV)/bin/odpipe
LOCK := dockerfiles/requirements/dev.txt

# Only what stands on the command line is a setting: the environment has a NAME of its own on some systems.
setting = $(if $(filter command,$(firstword $(origin $(1)))),$(if $($(1)),--$(2) '$($(1))'))
RUN = $(call setting,MODEL,model) $(call setting,NAME,name)
COMMON = $(RUN) $(call setting,BACKEND,backend)
# A setting that is on or off: KEEP_GOING=1
flag = $(if $(filter command,$(firstword $(origin $(1)))),$(if $(filter-out 0,$($(1))),--$(2)))
READING = $(call setting,DATASET,dataset) $(call setting,FORMAT,format) $(call setting,GROUP_BY,group-by)
TRAINING = $(READING) $(call flag,KEEP_GOING,keep-going) $(call setting,MAX_SIDE,max-side) \
	$(call setting,BALANCE,balance) $(call setting,STEPS,steps) $(call setting,BATCH,batch) \
	$(call setting,SEED,seed) $(call setting,CONFIG,config)
JSON_FLAG = $(if $(filter command,$(firstword $(origin JSON))),$(if $(JSON),--json))

.PHONY: help
help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

# The stamp is written last: an interrupted set-up is made again.
$(ENV)/.ready: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than 3.10" >&2; echo "hint: make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "setup  environment pipeline, once" >&2
	@rm -rf $(ENV) && mkdir -p .envs
	@$(PYTHON) -m venv $(ENV) >.envs/pipeline.log 2>&1 || \
		{ cat .envs/pipeline.log >&2; echo "hint: apt-get install python3-venv" >&2; exit 5; }
	@{ $(ENV)/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r $(LOCK) && \
		$(ENV)/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .; } \
		>>.envs/pipeline.log 2>&1 || { tail -20 .envs/pipeline.log >&2; echo "error: see .envs/pipeline.log" >&2; exit 5; }
	@touch $@

.PHONY: setup
setup: $(ENV)/.ready ## make the environment that everything else runs in

.PHONY: demo
demo: $(ENV)/.ready ## the whole line on drawn images, ending with a table and pictures
	@$(ODPIPE) demo $(call setting,BACKEND,backend) $(call setting,STEPS,steps) $(JSON_FLAG)

.PHONY: check
check: $(ENV)/.ready ## what is in a dataset, and what is wrong with it: DATASET= FORMAT= NAME= MODEL= GROUP_BY=
	@$(ODPIPE) check $(COMMON) $(READING) $(call flag,KEEP_GOING,keep-going) $(call setting,SEED,seed) $(call setting,CONFIG,config) $(JSON_FLAG)

.PHONY: train
train: $(ENV)/.ready ## train: MODEL= DATASET= NAME= STEPS= BATCH= SEED= CONFIG= KEEP_GOING=1 MAX_SIDE= BALANCE= GROUP_BY= FRESH=1
	@$(ODPIPE) train $(COMMON) $(TRAINING) $(call setting,THREADS,threads) $(if $(FRESH),--fresh) $(JSON_FLAG)

.PHONY: freeze tflite tfjs export evaluate
freeze tflite tfjs export: $(ENV)/.ready
	@$(ODPIPE) $@ $(COMMON) $(if $(PBTXT),--pbtxt) $(JSON_FLAG)
export: ## frozen graph, SavedModel, TFLite and TensorFlow.js of the last checkpoint: NAME= [PBTXT=1]
tflite: ## only up to detect.tflite: NAME=
tfjs: ## only up to the TensorFlow.js model: NAME=
freeze: ## only up to the frozen graph: NAME=

evaluate: $(ENV)/.ready ## mAP, size and time of every exported form: NAME=
	@$(ODPIPE) evaluate $(COMMON) $(JSON_FLAG)

.PHONY: detect
detect: $(ENV)/.ready ## boxes for a folder of images: NAME= IMAGES= [OUT=] [THRESHOLD=] [GRAPH= LABELS=]
	@$(ODPIPE) detect $(COMMON) $(call setting,IMAGES,images) $(call setting,OUT,out) $(call setting,GRAPH,graph) \
		$(call setting,LABELS,labels) $(call setting,THRESHOLD,threshold) $(JSON_FLAG)

.PHONY: status
status: $(ENV)/.ready ## which stages are up to date, and why not: NAME=
	@$(ODPIPE) status $(RUN) $(TRAINING) $(JSON_FLAG)

.PHONY: models
models: $(ENV)/.ready ## the models: input, figures, exports, hardware; one in full: MODEL=
	@$(ODPIPE) models $(if $(filter command,$(firstword $(origin MODEL))),'$(MODEL)') $(JSON_FLAG)

.PHONY: doctor
doctor: $(ENV)/.ready ## check engine, GPU, disk and interpreters
	@$(ODPIPE) doctor $(call setting,BACKEND,backend) $(JSON_FLAG)

.PHONY: tensorboard
tensorboard: $(ENV)/.ready ## curves of all runs: PORT=6006
	@$(ODPIPE) tensorboard $(call setting,BACKEND,backend) $(call setting,PORT,port)

.PHONY: build
build: $(ENV)/.ready ## build the Docker images, odapi for this machine's GPU
	@$(ODPIPE) build

.PHONY: lock
lock: $(ENV)/.ready ## write all lock files again
	@UV=$(CURDIR)/$(ENV)/bin/uv sh dockerfiles/lock_requirements.sh

.PHONY: test
test: $(ENV)/.ready ## all tests that this machine can run, environments included
	@$(ENV)/bin/python -m pipeline environments
	@$(ENV)/bin/python -m pytest $(TESTS)

.PHONY: lint
lint: $(ENV)/.ready ## ruff, mypy, and Python 3.6 syntax of the scripts in the images
	@$(ENV)/bin/ruff check .
	@$(ENV)/bin/ruff format --check .
	@$(ENV)/bin/mypy
	@$(ENV)/bin/vermin --quiet --no-tips --violations -t=3.6- container_scripts/*.py pipeline/receipts.py \
		pipeline/report/screen.py dockerfiles/self_check.py $(addprefix pipeline/detections/,detections_file.py image_folder.py decode.py)
