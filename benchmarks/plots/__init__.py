"""Pictures of the results, a module a benchmark, drawn from the result files alone."""
