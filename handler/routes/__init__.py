"""One file per HTTP dialect: each only translates HTTP to an Ask, and a Prediction to HTTP."""
