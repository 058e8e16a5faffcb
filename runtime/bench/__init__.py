"""The benchmarks that are commands of the product: what they measure, on whom, and the targets they state."""
