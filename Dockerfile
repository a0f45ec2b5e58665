# The images of both functions: target `detect`, which is the default, and `monitor`, which reads the records of it.
# BASE_IMAGE: any image with Python 3.13 and Lambda's runtime client, AWS's own by default.
# Only Python and coreutils are used: AWS's image has no find, tar or xargs.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

FROM ${BASE_IMAGE} AS packages
WORKDIR /build
# --no-deps: the lock file names every package.
ENV INSTALL="python -m pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes --target" \
    # unchecked-hash: an image does not keep file times
    COMPILE="python -m compileall -q -j 0 --invalidation-mode unchecked-hash"
# What of the packages stays out of the images.
COPY scripts/supply/slim.py .
COPY requirements/handler.txt .
# chmod: readable by all, since Lambda chooses the user.
RUN $INSTALL packages -r handler.txt && python slim.py packages && $COMPILE packages && chmod -R a+rX packages

FROM packages AS code
COPY handler code/handler
RUN $COMPILE code && chmod -R a+rX code

FROM ${BASE_IMAGE} AS detect
# ONNX Runtime's telemetry would ask a host of Microsoft's.
ENV ORT_DISABLE_TELEMETRY=1
# Two layers, so that an update of the model or the code uploads only the second.
COPY --from=packages /build/packages ${LAMBDA_TASK_ROOT}
COPY --from=code /build/code ${LAMBDA_TASK_ROOT}
CMD ["handler.app.lambda_handler"]
# What it stands on. scripts/build adds version, commit, model, and the base's digest; a label makes no layer.
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="icebox-detect" org.opencontainers.image.base.name="${BASE_IMAGE}"

FROM packages AS monitor-packages
COPY requirements/monitor.txt .
# Without what the packages of the handler have already, such as numpy.
RUN $INSTALL more -r monitor.txt && python slim.py more \
    && python -c "import pathlib, shutil; \
[shutil.rmtree(path) for path in list(pathlib.Path('more').iterdir()) if pathlib.Path('packages', path.name).exists()]" \
    && $COMPILE more && chmod -R a+rX more

FROM code AS monitor-code
COPY scripts/__init__.py scripts/paths.py scripts/tool.py code/scripts/
COPY scripts/accuracy code/scripts/accuracy
COPY scripts/records code/scripts/records
COPY scripts/monitor code/scripts/monitor
# What a release's watch tries a new version with.
COPY events code/events
RUN $COMPILE code/scripts && chmod -R a+rX code/scripts code/events

FROM ${BASE_IMAGE} AS monitor
ENV ORT_DISABLE_TELEMETRY=1
# DuckDB keeps its settings there, and what does not fit into memory. All else is read-only in Lambda.
ENV HOME=/tmp
COPY --from=packages /build/packages ${LAMBDA_TASK_ROOT}
COPY --from=monitor-packages /build/more ${LAMBDA_TASK_ROOT}
COPY --from=monitor-code /build/code ${LAMBDA_TASK_ROOT}
CMD ["scripts.monitor.cloud.function.lambda_handler"]
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="icebox-monitor" org.opencontainers.image.base.name="${BASE_IMAGE}"

FROM detect
