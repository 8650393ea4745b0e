# fauxto serve: HTTP API and web page with the bundled detector.
# docker compose up --build

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/fauxto \
    && /opt/fauxto/bin/pip install --no-cache-dir --constraint requirements.lock '.[serve]' \
    && /opt/fauxto/bin/python -m compileall -q /opt/fauxto/lib

FROM python:3.11-slim-bookworm
COPY --from=build /opt/fauxto /opt/fauxto
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin fauxto
USER 10001
WORKDIR /
ENV PATH=/opt/fauxto/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["fauxto", "serve", "--host", "0.0.0.0"]
