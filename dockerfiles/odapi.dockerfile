# TensorFlow 1.15 and the Object Detection API: training, freezing, evaluation, TensorBoard. Target `jupyter` adds a
# notebook server.
#
#     docker build -t odapi -f ./dockerfiles/odapi.dockerfile ./dockerfiles
#     docker run --rm -it [--gpus all] -v $(pwd):/home/oceanus odapi          # self-check
#     docker run --rm -it [--gpus all] -v $(pwd):/home/oceanus odapi bash
#
# ODAPI_BASE picks what it stands on (make build looks at the GPU and picks):
#     python:3.7-slim-bookworm                    CPU
#     tensorflow/tensorflow:1.15.5-gpu-py3        GPUs up to Turing (CUDA 10.0), Python 3.6
#     nvcr.io/nvidia/tensorflow:23.03-tf1-py3     Ampere and newer (CUDA 12.1, driver 525 or later), Python 3.8
# The first is built and run by the tests. The other two could not be pulled where this was written: this file was
# built on stand-ins for them without a GPU, Debian with Python 3.6 and TensorFlow 1.15.5 (self-check passed), and
# with Python 3.8 and numpy alone (all but TensorFlow imported).
ARG ODAPI_BASE=python:3.7-slim-bookworm

FROM ${ODAPI_BASE} AS base
# NVIDIA withdrew the key of these apt sources in April 2022: with them no apt-get update ends well
RUN rm -f /etc/apt/sources.list.d/cuda*.list /etc/apt/sources.list.d/nvidia-ml*.list

# Fills /opt/odpipe; what it takes to compile stays behind
FROM base AS environment
# Python 3.6 only. Usages: gcc, python3-dev: pycocotools has no wheel for it. python3-venv: the next step
RUN if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 6))'; then \
        apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev python3-dev python3-venv; \
    fi
# A GPU base brings TensorFlow and numpy: the environment sees them and replaces nothing
RUN python3 -m venv --system-site-packages --without-pip /opt/odpipe
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/odapi.txt,target=/run/dockerfiles/requirements/odapi.txt \
    --mount=type=bind,source=requirements/odapi-py36.txt,target=/run/dockerfiles/requirements/odapi-py36.txt \
    --mount=type=bind,source=requirements/odapi-py38.txt,target=/run/dockerfiles/requirements/odapi-py38.txt \
    --mount=type=bind,source=requirements/odapi-source.txt,target=/run/dockerfiles/requirements/odapi-source.txt \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    sh /run/dockerfiles/install_environment.sh odapi /opt/odpipe \
    && rm -rf /opt/odpipe/lib/python3.*/site-packages/tensorflow_core/include

FROM base AS odapi
COPY --from=environment /opt/odpipe /opt/odpipe
COPY self_check.py /opt/odpipe/self_check.py
# Any uid works: nothing is written but under /tmp and in the mounted folder
ENV PATH=/opt/odpipe/bin:$PATH HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
# NVIDIA's entry point prints a banner into what a job prints
ENTRYPOINT []
CMD ["python", "/opt/odpipe/self_check.py", "odapi"]

# A notebook server over it, for docs/detect.ipynb: some 80 MB that no job needs. Its lock is for Python 3.7, so it stands
# on the first of the bases, and a notebook computes on the CPU.
#
#     docker build -t jupyter --target jupyter -f ./dockerfiles/odapi.dockerfile ./dockerfiles
FROM odapi AS jupyter
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/jupyter.txt,target=/run/dockerfiles/requirements/jupyter.txt \
    --mount=type=bind,source=requirements/odapi-source.txt,target=/run/dockerfiles/requirements/odapi-source.txt \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    sh /run/dockerfiles/install_environment.sh jupyter /opt/odpipe
CMD ["python", "/opt/odpipe/self_check.py", "jupyter"]

# What `docker build` makes when it is not told
FROM odapi
