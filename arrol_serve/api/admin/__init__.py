"""The admin port: weights, heads and rollouts for a trainer. Off unless ``--admin-port`` names one."""
