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
# Processes of `make test`: each may hold a TensorFlow of 2 GB
WORKERS ?= 2
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
settings = $(foreach pair,$(1),$(call setting,$(word 1,$(subst =, ,$(pair))),$(word 2,$(subst =, ,$(pair)))))
LENGTH = STEPS=steps EPOCHS=epochs BATCH=batch SEED=seed PRETRAINED=pretrained CONFIG=config
LEARNING = LR=lr WARMUP=warmup SCHEDULE=schedule OPTIMIZER=optimizer AUGMENT=augment FREEZE=freeze \
	MOVING_AVERAGE=moving-average QAT_DELAY=qat-delay SET=set
WATCHING = EVAL_EVERY=eval-every PATIENCE=patience KEEP=keep
MACHINE = DEVICE=device GPUS=gpus THREADS=threads
EXPORTING = $(call settings,CHECKPOINT=checkpoint TFJS_WEIGHTS=tfjs-weights NMS=nms MAX_DETECTIONS=max-detections TOLERANCE=tolerance)
TRAINING = $(READING) $(call flag,KEEP_GOING,keep-going) \
	$(call settings,TEST_FRACTION=test-fraction MAX_SIDE=max-side BALANCE=balance $(LENGTH) $(LEARNING) $(WATCHING) $(MACHINE))
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
train: $(ENV)/.ready ## train: MODEL= DATASET= NAME= STEPS= or EPOCHS= BATCH= AUGMENT= LR= FRESH=1 ... (make train-help: all)
	@$(ODPIPE) train $(COMMON) $(TRAINING) $(if $(FRESH),--fresh) $(JSON_FLAG)

.PHONY: records
records: $(ENV)/.ready ## only up to the records of a dataset: DATASET= NAME=
	@$(ODPIPE) records $(COMMON) $(TRAINING) $(JSON_FLAG)

.PHONY: train-help
train-help: $(ENV)/.ready ## every setting of a training, explained; --max-side is MAX_SIDE= here
	@$(ODPIPE) train --help

.PHONY: freeze tflite tfjs export evaluate
freeze tflite tfjs export: $(ENV)/.ready
	@$(ODPIPE) $@ $(COMMON) $(EXPORTING) $(if $(PBTXT),--pbtxt) $(JSON_FLAG)
export: ## frozen graph, SavedModel, TFLite and TensorFlow.js of the best checkpoint: NAME= [CHECKPOINT=last] [TFJS_WEIGHTS=] [PBTXT=1]
tflite: ## only up to detect.tflite: NAME=
tfjs: ## only up to the TensorFlow.js model: NAME=
freeze: ## only up to the frozen graph: NAME=

evaluate: $(ENV)/.ready ## mAP, size and time of every exported form: NAME= [CHECKPOINT=]
	@$(ODPIPE) evaluate $(COMMON) $(EXPORTING) $(JSON_FLAG)

.PHONY: report compare
report: $(ENV)/.ready ## how well a run detects, and what to do next, on one page: NAME=
	@$(ODPIPE) report $(COMMON) $(EXPORTING) $(JSON_FLAG)
compare: $(ENV)/.ready ## two runs side by side on one page: A= B=
	@$(ODPIPE) compare $(if $(filter command,$(firstword $(origin A))),'$(A)') $(if $(filter command,$(firstword $(origin B))),'$(B)') $(JSON_FLAG)

.PHONY: explain-drop
explain-drop: $(ENV)/.ready ## why an exported file detects worse than its checkpoint, and which layer parts first: NAME= [ARTEFACT=] [IMAGES=]
	@$(ODPIPE) explain-drop $(COMMON) $(call setting,ARTEFACT,artefact) $(call setting,IMAGES,images) $(JSON_FLAG)

.PHONY: detect
detect: $(ENV)/.ready ## boxes for images and videos: NAME= IMAGES= [OUT=] [THRESHOLD=] [TILES=2x2] [SAVE=voc] [GRAPH= LABELS=] (make detect-help: all)
	@$(ODPIPE) detect $(COMMON) $(call settings,IMAGES=images OUT=out GRAPH=graph LABELS=labels ARTEFACT=artefact THRESHOLD=threshold) \
		$(call settings,CLASS_THRESHOLD=class-threshold MAX=max NMS=nms TILES=tiles EVERY=every SAVE=save) \
		$(if $(filter 0,$(ANNOTATED)),--no-annotated) $(JSON_FLAG)

.PHONY: detect-help
detect-help: $(ENV)/.ready ## every option of a detection, explained; --class-threshold is CLASS_THRESHOLD= here
	@$(ODPIPE) detect --help

.PHONY: benchmark
benchmark: $(ENV)/.ready ## time every exported form on this machine: NAME= [ARTEFACT=tflite] [THREADS=1,2] [TIMED=50]
	@$(ODPIPE) benchmark $(COMMON) $(call settings,ARTEFACT=artefact THREADS=threads TIMED=images) $(JSON_FLAG)

.PHONY: status
status: $(ENV)/.ready ## which stages are up to date, and why not: NAME=
	@$(ODPIPE) status $(RUN) $(TRAINING) $(JSON_FLAG)

.PHONY: models
models: $(ENV)/.ready ## the models: input, figures, exports, hardware; one in full: MODEL=
	@$(ODPIPE) models $(if $(filter command,$(firstword $(origin MODEL))),'$(MODEL)') $(JSON_FLAG)

.PHONY: edgetpu
edgetpu: $(ENV)/.ready ## compile for the Edge TPU (needs Google's edgetpu_compiler): NAME=
	@$(ODPIPE) edgetpu $(COMMON) $(EXPORTING) $(JSON_FLAG)

.PHONY: preflight
preflight: $(ENV)/.ready ## what the Edge TPU makes of a .tflite, no compiler needed: FILE= or NAME= [LOG=]
	@$(ODPIPE) preflight $(if $(filter command,$(firstword $(origin FILE))),'$(FILE)') $(call setting,NAME,name) $(call setting,LOG,log) $(JSON_FLAG)

.PHONY: keras
keras: $(ENV)/.ready ## a Keras classifier as a checkpoint to begin from: KERAS=model.json WEIGHTS=weights.h5 (or KERAS=model.h5) [OUT=]
	@$(ODPIPE) keras-to-checkpoint $(call setting,KERAS,model) $(call setting,WEIGHTS,weights) $(call setting,OUT,out) \
		$(call setting,BACKEND,backend) $(JSON_FLAG)

.PHONY: doctor
doctor: $(ENV)/.ready ## check engine, GPU, disk and interpreters
	@$(ODPIPE) doctor $(call setting,BACKEND,backend) $(JSON_FLAG)

.PHONY: tensorboard
tensorboard: $(ENV)/.ready ## curves of all runs: PORT=6006
	@$(ODPIPE) tensorboard $(call setting,BACKEND,backend) $(call setting,PORT,port)

.PHONY: web
web: $(ENV)/.ready ## try the models of output/ in the browser, on images, a camera or a video: PORT=8080
	@$(ODPIPE) web $(call setting,BACKEND,backend) $(call setting,PORT,port)

.PHONY: notebook
notebook: $(ENV)/.ready ## look at a run in Jupyter: boxes, threshold, confusion: [NAME=] PORT=9000
	@$(ODPIPE) notebook $(call settings,NAME=name BACKEND=backend PORT=port)

.PHONY: build
build: $(ENV)/.ready ## build the Docker images, odapi for this machine's GPU
	@$(ODPIPE) build

.PHONY: lock
lock: $(ENV)/.ready ## write all lock files again
	@UV=$(CURDIR)/$(ENV)/bin/uv sh dockerfiles/lock_requirements.sh

.PHONY: test
test: $(ENV)/.ready ## all tests that this machine can run, environments included
	@$(ENV)/bin/python -m pipeline environments
	@$(ENV)/bin/python -m pytest -n $(WORKERS) $(TESTS)

.PHONY: test-odapi
test-odapi: $(ENV)/.ready ## the Object Detection API's own tests: is the environment sound? (10 minutes and more): ONLY=
	@$(ODPIPE) test-odapi $(call setting,BACKEND,backend) $(call setting,ONLY,only) $(JSON_FLAG)

.PHONY: lint
lint: $(ENV)/.ready ## ruff, mypy, and Python 3.6 syntax of the scripts in the images
	@$(ENV)/bin/ruff check .
	@$(ENV)/bin/ruff format --check .
	@$(ENV)/bin/mypy
	@$(ENV)/bin/vermin --quiet --no-tips --violations -t=3.6- container_scripts/*.py container_scripts/*/*.py pipeline/receipts.py pipeline/augmentations.py pipeline/core_count.py \
		pipeline/report/screen.py dockerfiles/self_check.py $(addprefix pipeline/detections/,detections_file.py image_folder.py decode.py) pipeline/detecting/journal.py pipeline/detecting/tiles.py
