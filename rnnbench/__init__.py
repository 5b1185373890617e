"""rnnbench compares recurrent networks: sweeps, curves, and published numbers beside reproduced ones."""

__version__ = "0.1.0"
