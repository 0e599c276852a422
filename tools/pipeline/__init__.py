"""What pipelines run without a set-up: single files, on the standard library alone."""
