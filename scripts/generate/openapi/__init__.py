"""Make the OpenAPI 3.1 document, and its page, from the handler's routes, limits and problems."""
