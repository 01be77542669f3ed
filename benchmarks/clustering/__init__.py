"""What PFClustering does on the flat segment and in the barrel: `python -m benchmarks.clustering`."""
