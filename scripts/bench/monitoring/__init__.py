"""What the monitor and a release's watch find, and at what price."""
