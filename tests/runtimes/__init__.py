"""One table of cases through every runtime and gateway (`python -m tests.runtimes`)."""
