"""Records that are lost or doubled while writes fail and processes die."""
