"""The Lambda function: it detects objects in the picture of an HTTP event and counts them."""
