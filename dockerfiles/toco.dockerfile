# TensorFlow 1.15's own TFLite converter. Newer ones write operator versions that the last Edge TPU
# compiler refuses.
#
#     docker build -t toco -f ./dockerfiles/toco.dockerfile ./dockerfiles
#     docker run --rm -it -v $(pwd):/home/oceanus toco          # self-check
#     docker run --rm -it -v $(pwd):/home/oceanus toco bash
#
# The stage `edgetpu` holds the Edge TPU's compiler instead; nothing builds it but who asks for it:
#
#     docker build -t edgetpu --target edgetpu -f ./dockerfiles/toco.dockerfile ./dockerfiles
FROM python:3.7-slim-bookworm AS environment
RUN python3 -m venv --system-site-packages --without-pip /opt/odpipe
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/toco.txt,target=/run/dockerfiles/requirements/toco.txt \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/root/.cache/pip \
    sh /run/dockerfiles/install_environment.sh toco /opt/odpipe \
    && rm -rf /opt/odpipe/lib/python3.7/site-packages/tensorflow_core/include

# Google's package and its terms (https://coral.ai/docs/edgetpu/compiler): x86-64 only, version 16.0 is the last.
# It could not be fetched where this was written, so this stage has not been built.
FROM python:3.7-slim-bookworm AS edgetpu
RUN --mount=type=secret,id=ca_certificates \
    authority=/etc/ssl/certs/ca-certificates.crt \
    # apt reads it as another user, who may not read a secret
    && if [ -s /run/secrets/ca_certificates ]; then \
        authority=/tmp/authority.pem && install -m 644 /run/secrets/ca_certificates "$authority"; \
    fi \
    && SSL_CERT_FILE="$authority" python -c "from urllib.request import urlretrieve as fetch; fetch('https://packages.cloud.google.com/apt/doc/apt-key.gpg', '/usr/share/keyrings/coral.asc')" \
    && echo 'deb [arch=amd64 signed-by=/usr/share/keyrings/coral.asc] https://packages.cloud.google.com/apt coral-edgetpu-stable main' \
        > /etc/apt/sources.list.d/coral-edgetpu.list \
    && apt-get -o "Acquire::https::CAInfo=$authority" update \
    && apt-get -o "Acquire::https::CAInfo=$authority" install --yes --no-install-recommends edgetpu-compiler \
    && rm -rf /var/lib/apt/lists/* /tmp/authority.pem \
    && edgetpu_compiler --version
ENV HOME=/tmp PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
CMD ["edgetpu_compiler", "--version"]

FROM python:3.7-slim-bookworm
COPY --from=environment /opt/odpipe /opt/odpipe
COPY self_check.py /opt/odpipe/self_check.py
# toco_from_protos, which the converter starts, is found on PATH. Any uid works
ENV PATH=/opt/odpipe/bin:$PATH HOME=/tmp PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
CMD ["python", "/opt/odpipe/self_check.py", "toco"]
