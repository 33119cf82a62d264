# Streetward. Targets: cpu (the default), cuda. Build: docker build --target cpu -t streetward:cpu .
FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# libGL and glib for opencv-python, espeak-ng for phrases without a recording, pg_dump for vision backup, wget for KubeRay's
# probes, tini reaps children and passes signals on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 espeak-ng postgresql-client tini wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 streetward \
    && install -d -o streetward /var/lib/streetward
WORKDIR /srv/streetward
COPY pyproject.toml constraints.txt README.md LICENSE ./

# The heavy half first, so that a change of our own sources does not fetch it again.
FROM base AS cpu-packages
COPY vision/__init__.py ./vision/
RUN pip install -c constraints.txt -e ".[cluster]"

FROM base AS cuda-packages
COPY vision/__init__.py ./vision/
# torch's own wheels carry the CUDA libraries; the host brings the driver (NVIDIA container toolkit).
RUN pip install -c constraints.txt -e ".[gpu,cluster]"

# Installed editable, because the catalogue of models and the unit costs lie beside the package.
FROM cuda-packages AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
COPY benchmarks/costs.json ./benchmarks/
COPY models ./models
COPY configs ./configs
COPY vision ./vision
USER 10001
VOLUME /var/lib/streetward
EXPOSE 8000
ENTRYPOINT ["tini", "--", "vision"]
CMD ["worker", "--config", "/etc/streetward/city.yaml"]

FROM cpu-packages AS cpu
COPY benchmarks/costs.json ./benchmarks/
COPY models ./models
COPY configs ./configs
COPY vision ./vision
USER 10001
VOLUME /var/lib/streetward
EXPOSE 8000
# Of `up` and `hub`; a worker's is `vision alive --worker NAME --redis URL`, as in deploy/compose.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["vision", "alive", "--hub", "http://127.0.0.1:8000"]
ENTRYPOINT ["tini", "--", "vision"]
CMD ["up", "--config", "/etc/streetward/city.yaml"]
