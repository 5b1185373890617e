"""What the framework itself costs, measured against a training loop without one."""
