"""Load on real processes of ours over loopback (`make load`), and parts of it for benchmarks."""
