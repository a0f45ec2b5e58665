# The function's image. BASE_IMAGE: any image with Python 3.13 and Lambda's runtime client, AWS's own by default.
# AWS's is bare: no find, no tar, no xargs; so everything here is done by Python and coreutils.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.13

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/handler.txt .
# The lock is whole, so nothing is resolved here. Tests and type stubs of the packages are never imported.
RUN python -m pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes --target packages -r handler.txt \
    && python -c "import pathlib, shutil; packages = pathlib.Path('packages'); \
[shutil.rmtree(path, ignore_errors=True) for path in list(packages.rglob('tests'))]; \
[path.unlink() for path in packages.rglob('*.pyi')]"
COPY handler code/handler
# Compiled against contents, not times, which an image does not keep; readable by whatever user Lambda runs as.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash packages code \
    && chmod -R a+rX packages code

FROM ${BASE_IMAGE}
# Two layers: an update of the model or the code uploads only the second.
COPY --from=build /build/packages ${LAMBDA_TASK_ROOT}
COPY --from=build /build/code ${LAMBDA_TASK_ROOT}
CMD ["handler.app.lambda_handler"]
