"""The function's routes, limits and problems in; their OpenAPI 3.1 document, and its page, out."""
