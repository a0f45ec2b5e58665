"""A load test of the function in a pool of emulators that stands for Lambda's environments."""
