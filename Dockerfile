# Build:  docker build -t garble .
# Use:    docker run --rm -i garble score - < article.txt
#         docker run --rm -v "$PWD:/texts" garble score article.txt
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY garble garble
COPY models models
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
RUN useradd --no-create-home garble
USER garble
WORKDIR /texts
ENTRYPOINT ["garble"]
CMD ["--help"]
