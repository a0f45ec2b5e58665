"""The Lambda function: an HTTP event with a picture in, boxes and a count out."""
