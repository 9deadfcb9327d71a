# TensorFlow 1.15's own TFLite converter. Newer ones write operator versions that the last Edge TPU
# compiler refuses.
#
#     docker build -t toco -f ./dockerfiles/toco.dockerfile ./dockerfiles
#     docker run --rm -it -v $(pwd):/home/oceanus toco          # self-check
#     docker run --rm -it -v $(pwd):/home/oceanus toco bash
FROM python:3.7-slim-bookworm AS environment
RUN python3 -m venv --system-site-packages --without-pip /opt/odpipe
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/toco.txt,target=/run/dockerfiles/requirements/toco.txt \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    sh /run/dockerfiles/install_environment.sh toco /opt/odpipe \
    && rm -rf /opt/odpipe/lib/python3.7/site-packages/tensorflow_core/include

FROM python:3.7-slim-bookworm
COPY --from=environment /opt/odpipe /opt/odpipe
COPY self_check.py /opt/odpipe/self_check.py
# toco_from_protos, which the converter starts, is found on PATH. Any uid works
ENV PATH=/opt/odpipe/bin:$PATH HOME=/tmp PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
CMD ["python", "/opt/odpipe/self_check.py", "toco"]
