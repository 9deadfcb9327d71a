# What the jobs without TensorFlow need: reading datasets, writing records, planning, TFLite,
# metrics. Packages only: the code is mounted from the clone.
#
#     docker build -t pipeline -f ./dockerfiles/pipeline.dockerfile ./dockerfiles
#     docker run --rm -it -v $(pwd):/home/oceanus pipeline          # self-check
#     docker run --rm -it -v $(pwd):/home/oceanus pipeline python -m pipeline --help
FROM python:3.11-slim-bookworm AS environment
RUN python3 -m venv --system-site-packages --without-pip /opt/odpipe
# uv prepares local environments; inside an image there is nothing left to prepare
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/pipeline.txt,target=/run/dockerfiles/requirements/pipeline.txt \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    sh /run/dockerfiles/install_environment.sh pipeline /opt/odpipe \
    && rm -f /opt/odpipe/bin/uv /opt/odpipe/bin/uvx

FROM python:3.11-slim-bookworm
COPY --from=environment /opt/odpipe /opt/odpipe
COPY self_check.py /opt/odpipe/self_check.py
# Any uid works: nothing is written but under /tmp and in the mounted folder
ENV PATH=/opt/odpipe/bin:$PATH HOME=/tmp PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
CMD ["python", "/opt/odpipe/self_check.py", "pipeline"]
