# The image of the service: docker build -t mastery-engine:latest .
# Any image with Python 3.11 or newer on Debian may be its base: --build-arg BASE_IMAGE=…
ARG BASE_IMAGE=python:3.11-slim

# Stage 1, the builder: the tools of development, and what they make.
FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all:
WORKDIR /build

# What runs gets an environment without pip, every package checked by its hash; the list is complete, as it was locked.
COPY requirements.txt ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes --no-deps -r requirements.txt

# The dependencies of development stay in this stage: one of them lists the parts that the image is made of.
COPY requirements-dev.txt ./
RUN python -m venv --without-pip /opt/tools \
    && pip --python /opt/tools/bin/python install --require-hashes --no-deps --no-compile -r requirements-dev.txt
COPY pyproject.toml LICENSE ./
COPY src ./src
# Dates and numbers of languages that there are no texts in would be 30 MB.
RUN python -c "from pathlib import Path; \
    kept = {'root', 'en', *(texts.parent.name for texts in Path('src/dashboard/locale').glob('*/messages.po'))}; \
    data = Path('/opt/venv').glob('lib/*/site-packages/babel/locale-data/*.dat'); \
    [one.unlink() for one in data if one.stem.split('_')[0] not in kept]"
# Nothing can be written at run time, so modules are compiled here; by content, since files get new times when copied.
RUN python -m compileall -q --invalidation-mode unchecked-hash src \
    && /opt/tools/bin/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml requirements.txt \
        -o sbom.json

# Stage 2, the runner: an interpreter, the packages that run, the service, and curl for those who look after it.
FROM ${BASE_IMAGE} AS runner
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 10001 mastery \
    && useradd --uid 10001 --gid mastery --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mastery \
    && install --directory --owner mastery --group mastery --mode 0700 /data
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /build/LICENSE /build/sbom.json /app/
COPY --from=builder /build/src /app/src
WORKDIR /app

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data

# By number, for Kubernetes cannot tell from a name that it is not root.
USER 10001:10001
# Used only where no Redis is configured. All else may be read-only.
VOLUME /data
EXPOSE 8000

# Whether the process lives, not whether Redis does: what is unhealthy gets replaced, and that would help nobody.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD curl --fail --silent --output /dev/null --max-time 2 "http://127.0.0.1:${PORT}/live"

# No entrypoint: another command can be given as it stands. Python is process 1 and gets every signal.
CMD ["python", "-m", "src", "serve"]

ARG REVISION=unknown
LABEL org.opencontainers.image.title="mastery-engine" \
      org.opencontainers.image.description="How well each student masters each topic" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
