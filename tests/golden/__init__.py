"""Files that tests compare with: the default model's, by `make`, and records of former days."""
