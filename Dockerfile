# Streetward. Targets: cpu (the default), cuda. Build: docker build --target cpu -t streetward:cpu .
FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# libGL and glib for opencv-python, espeak-ng for phrases without a recording, tini reaps children and passes signals on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 espeak-ng tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 streetward
WORKDIR /srv/streetward
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY vision ./vision
COPY models ./models
COPY configs ./configs

FROM base AS cpu
# Editable, because the catalogue of models lies beside the package.
RUN pip install -c constraints.txt -e .
RUN mkdir -p /var/lib/streetward && chown streetward /var/lib/streetward
USER 10001
VOLUME /var/lib/streetward
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import httpx, sys; sys.exit(httpx.get('http://127.0.0.1:8000/healthz').status_code != 200)"]
ENTRYPOINT ["tini", "--", "vision"]
CMD ["up", "--config", "/etc/streetward/city.yaml"]

FROM base AS cuda
# torch's own wheels carry the CUDA libraries; the host brings the driver (NVIDIA container toolkit).
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
RUN pip install -c constraints.txt -e ".[gpu]"
RUN mkdir -p /var/lib/streetward && chown streetward /var/lib/streetward
USER 10001
VOLUME /var/lib/streetward
EXPOSE 8000
ENTRYPOINT ["tini", "--", "vision"]
CMD ["worker", "--config", "/etc/streetward/city.yaml"]
