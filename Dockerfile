# The function's image. BASE_IMAGE: any image with Python 3.13 and Lambda's runtime client, AWS's own by default.
# Only Python and coreutils are used: AWS's image has no find, tar or xargs.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/handler.txt .
# --no-deps: the lock file names every package. Tests and type stubs of the packages are never imported.
RUN python -m pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes --target packages -r handler.txt \
    && python -c "import pathlib, shutil; packages = pathlib.Path('packages'); \
[shutil.rmtree(path, ignore_errors=True) for path in list(packages.rglob('tests'))]; \
[path.unlink() for path in packages.rglob('*.pyi')]"
COPY handler code/handler
# unchecked-hash: an image does not keep file times. Readable by all, since Lambda chooses the user.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash packages code \
    && chmod -R a+rX packages code

FROM ${BASE_IMAGE}
# ONNX Runtime's telemetry would ask a host of Microsoft's.
ENV ORT_DISABLE_TELEMETRY=1
# Two layers, so that an update of the model or the code uploads only the second.
COPY --from=build /build/packages ${LAMBDA_TASK_ROOT}
COPY --from=build /build/code ${LAMBDA_TASK_ROOT}
CMD ["handler.app.lambda_handler"]
