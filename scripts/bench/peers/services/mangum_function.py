"""The FastAPI application on Lambda: `mangum_function.handler`."""

from fastapi_app import app
from mangum import Mangum

handler = Mangum(app, lifespan="off")
